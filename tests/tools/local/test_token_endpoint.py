"""The local run's token endpoint: what a service sends for a token (RFC 6749, section 4.4), and each refusal."""

import base64
import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from click.testing import CliRunner
from joserfc import jwt
from joserfc.jwk import KeySet

from ordersctl.local import tokens
from ordersctl.shared.project import default_state_dir
from tests.tools.local.local_gateway import ask

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
GRANT = {"grant_type": "client_credentials"}
Reply = tuple[int, Any, dict[str, Any]]


@pytest.fixture(scope="module")
def secret() -> str:
    """The secret of the client "billing", as the command prints it."""
    return CliRunner().invoke(tokens.token, ["--client-secret", "billing"]).stdout.strip()


def requested(port: int, form: dict[str, str], headers: dict[str, str] | None = None) -> Reply:
    status, answered, body = ask(port, "POST", "/oauth2/token", body=urlencode(form), headers=FORM | (headers or {}))
    return status, answered, json.loads(body)


def basic(client: str, secret: str) -> dict[str, str]:
    credentials = base64.b64encode(f"{quote(client, safe='')}:{quote(secret, safe='')}".encode()).decode()
    return {"Authorization": f"Basic {credentials}"}


def claims(token: str) -> dict[str, Any]:
    keys = KeySet.import_key_set(json.loads((default_state_dir() / "jwks.json").read_text()))
    return jwt.decode(token, keys, algorithms=["RS256"]).claims


def test_a_client_gets_a_token_of_a_service(port: int, secret: str) -> None:
    status, headers, answer = requested(port, GRANT, basic("billing", secret))
    assert (status, headers["Cache-Control"]) == (200, "no-store")
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 900)
    claimed = claims(answer["access_token"])
    assert (claimed["sub"], claimed["scope"]) == ("billing", tokens.SERVICE_SCOPE)
    assert claimed["exp"] - claimed["iat"] == 900


def test_the_credentials_may_be_in_the_form_and_the_scope_be_smaller(port: int, secret: str) -> None:
    form = {"client_id": "billing", "client_secret": secret, "scope": "orders/read"}
    status, _, answer = requested(port, GRANT | form)
    assert (status, answer["scope"]) == (200, "orders/read")
    assert claims(answer["access_token"])["scope"] == "orders/read"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("billing", "wrong"),
        basic("billing", "é"),
        basic("another", "the secret"),
        basic("a/b", "the secret"),
        {"Authorization": "Basic !"},
        {"Authorization": "Basic /w=="},
        {"Authorization": "Bearer the secret"},
    ],
    ids=["none", "wrong", "not ASCII", "another client", "no client's name", "not base64", "not text", "not Basic"],
)
def test_a_client_without_its_secret_gets_no_token(port: int, secret: str, headers: dict[str, str]) -> None:
    assert secret
    status, answered, answer = requested(port, GRANT, headers)
    assert (status, answer["error"]) == (401, "invalid_client")
    assert answered["WWW-Authenticate"].startswith("Basic")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "unsupported_grant_type"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials", "scope": "orders/admin"}, "invalid_scope"),
    ],
)
def test_another_grant_and_a_scope_that_no_service_has_are_refused(
    port: int, secret: str, form: dict[str, str], error: str
) -> None:
    status, _, answer = requested(port, form, basic("billing", secret))
    assert (status, answer["error"]) == (400, error)


def test_the_secrets_of_two_clients_differ_and_stay(secret: str) -> None:
    assert tokens.client_secret("billing") == secret
    assert tokens.client_secret("shipping") != secret
