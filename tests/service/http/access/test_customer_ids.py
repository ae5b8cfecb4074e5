"""Customer ids as identity providers give them: in tokens, paths, queries and headers, and in the queue's groups."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest

from testkit.builders import new_order
from testkit.servers.local_run import LocalRun
from testkit.waiting import eventually
from tests.service.http.callers import SERVICE, Caller, Service, over_http, token

IDS = [
    "auth0|5f7c8ec7c33c6c004bbafe82",
    "ann.lee+shop@example.com",
    "eu-west-1:0f8fad5b-d9cb-469f-a165-70867728950e",
    "waad|tenant|AAAA=~'quoted'",
    'say-"hi"',
    "a&customer_id=b;c,d",
    "!$()*<>[]^_`{}",
    "...",
    "x" * 128,
]


@pytest.fixture
def client(local_run: LocalRun) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=local_run.url, timeout=20, trust_env=False) as made:
        yield made


def path_of(customer: str) -> str:
    return f"/customers/{quote(customer, safe='')}/orders"


def every_order(caller: Caller, customer: str) -> list[Any]:
    """Page by page, as Link leads."""
    found: list[Any] = []
    path: str | None = f"{path_of(customer)}?limit=1"
    while path:
        page = caller.get(path)
        assert page.status == 200, page
        found += page.json["orders"]
        link = page.headers.get("Link")
        path = None if link is None else link.partition(">")[0].removeprefix("<").removeprefix("/api")
    return found


@pytest.mark.parametrize("customer", IDS)
def test_over_http_a_customer_orders_reads_and_lists(client: httpx.Client, customer: str) -> None:
    caller = Caller(over_http(client), f"Bearer {token(customer)}")
    locations = [caller.post(new_order(reference=str(number))).headers["Location"] for number in range(2)]
    eventually(lambda: [caller.get(each).json["status"] for each in locations] == ["placed"] * 2)
    assert {caller.get(each).json["customer_id"] for each in locations} == {customer}
    assert {each["customer_id"] for each in every_order(caller, customer)} == {customer}
    assert caller.get(f"/customers/{quote(customer[:-1] + 'x', safe='')}/orders").status == 403 or len(customer) > 127


@pytest.mark.parametrize("customer", IDS)
def test_a_service_acts_for_the_customer_whom_the_query_names(quiet: Service, customer: str) -> None:
    shop = quiet.caller("shop", SERVICE)
    named = urlencode({"customer_id": customer})
    accepted = shop.post(new_order(), f"/orders?{named}")
    assert accepted.headers["Location"].endswith(f"?{named}")
    (message,) = quiet.take_messages()
    assert json.loads(message["Body"])["customer_id"] == customer
    quiet.process(message["Body"])
    order = accepted.headers["Location"].removeprefix("/api")
    assert shop.get(order).json["customer_id"] == customer
    assert quiet.caller(customer).get(order).json["customer_id"] == customer
    admin = quiet.caller("office", "orders/admin")
    assert admin.delete(f"{order}").status == 204


@pytest.mark.parametrize("customer", IDS)
def test_a_path_that_the_gateway_has_decoded_names_the_same_customer(service: Service, customer: str) -> None:
    """API Gateway's documentation leaves open which of the two arrives."""
    from testkit.lambda_events import LambdaContext, http_event  # noqa: PLC0415

    policy = service.policy(f"Bearer {token(customer)}", "GET", "/customers/x/orders")
    assert policy is not None
    for written in (customer, quote(customer, safe="")):
        event = http_event(
            "GET", "/customers/x/orders", resource="/customers/{customer_id}/orders", authorizer=policy["context"]
        )
        event["pathParameters"] = {"customer_id": written}
        event["requestContext"]["path"] = f"/api/customers/{written}/orders"
        assert service.functions.app(event, LambdaContext())["statusCode"] == 200


@pytest.mark.parametrize("named", ["a/b", "a\\b", "a#b", "a?b", "a%b", ".", "..", "", "a b", "é", "a\x7f", "x" * 129])
def test_another_id_is_refused_in_plain_words(service: Service, named: str) -> None:
    answer = service.caller("shop", SERVICE).post(new_order(), f"/orders?{urlencode({'customer_id': named})}")
    assert (answer.status, answer.problem) == (400, "invalid-parameter")
    assert "[" not in answer.json["detail"]
