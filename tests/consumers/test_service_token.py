"""How a sample consumer gets its token: once for many calls, in time for the next one, and again when it is refused."""

import base64
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.parse import parse_qs

import boto3
import pytest
from service_token import ServiceToken

from ordersctl.shared.engine_client import client_options
from tests.consumers.harness import WHOLE, Api, SampleConsumer, of_another_order


@pytest.fixture
def api() -> Iterator[Api]:
    with Api().running() as api:
        yield api


@pytest.fixture
def token(api: Api, monkeypatch: pytest.MonkeyPatch) -> ServiceToken:
    for name, value in api.client.items():
        monkeypatch.setenv(name, value)
    return ServiceToken.from_env()


def test_one_token_serves_many_calls(api: Api, token: ServiceToken) -> None:
    assert {token.value() for _ in range(5)} == {"a token"}
    ((authorization, form),) = api.token_requests
    assert base64.b64decode(authorization.removeprefix("Basic ")).decode() == "a%20consumer:a%20secret%3A%20%C3%A9"
    assert parse_qs(form) == {"grant_type": ["client_credentials"]}


def test_a_token_that_ends_is_renewed(api: Api, token: ServiceToken) -> None:
    api.token = (200, {"access_token": "the first", "expires_in": 0})
    assert token.value() == "the first"
    api.token = (200, {"access_token": "the second", "expires_in": 3600})
    assert [token.value(), token.value()] == ["the second", "the second"]
    assert len(api.token_requests) == 2


def test_scope_and_audience_are_sent_where_the_issuer_wants_them(
    api: Api, token: ServiceToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert token.parameters == {}
    monkeypatch.setenv("ORDERS_TOKEN_SCOPE", "orders/service")
    monkeypatch.setenv("ORDERS_TOKEN_AUDIENCE", "orders")
    ServiceToken.from_env().value()
    sent = parse_qs(api.token_requests[0][1])
    assert sent == {"grant_type": ["client_credentials"], "scope": ["orders/service"], "audience": ["orders"]}


def test_on_aws_the_secret_is_read_from_secrets_manager(
    api: Api, token: ServiceToken, monkeypatch: pytest.MonkeyPatch, engine_url: str
) -> None:
    assert token
    secrets = boto3.client("secretsmanager", **client_options(engine_url))
    arn = secrets.create_secret(Name="orders-dev-test-client-secret", SecretString="s3cret")["ARN"]
    monkeypatch.delenv("ORDERS_CLIENT_SECRET")
    monkeypatch.setenv("ORDERS_CLIENT_SECRET_ARN", arn)
    for name, value in {"AWS_ENDPOINT_URL": engine_url, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "local")
    ServiceToken.from_env().value()
    assert base64.b64decode(api.token_requests[0][0].removeprefix("Basic ")).endswith(b":s3cret")


def test_a_token_that_the_api_refuses_is_fetched_anew_once(consumers: dict[str, SampleConsumer]) -> None:
    inventory, api = consumers["inventory"], consumers["inventory"].api
    event = of_another_order(WHOLE["order.placed"])
    api.keep(event["data"])
    inventory.app.consumer.token.value()
    api.token_requests.clear()
    api.answers["PATCH"] = (401, {})
    api.before_saying = api.answers.clear
    inventory.take(event)
    assert len(api.token_requests) == 1
    assert [method for method, *_ in api.calls] == ["PATCH", "PATCH"]
    assert inventory.state(event["subject"])["stock"] == "reserved"


def test_an_event_waits_while_the_issuer_gives_no_token(consumers: dict[str, SampleConsumer]) -> None:
    inventory, api = consumers["inventory"], consumers["inventory"].api
    event = of_another_order(WHOLE["order.placed"])
    api.keep(event["data"])
    inventory.app.consumer.token.forget()
    api.token = (503, {})
    with pytest.raises(HTTPError):
        inventory.take(event)
    assert (api.calls, inventory.state(event["subject"])) == ([], {})
