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
from tests.tools.local.local_gateway import ask, problem, raw, raw_problem

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
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials", "scope": "orders/admin"}, "invalid_scope"),
        ({f"field{number}": "x" for number in range(50)}, "invalid_request"),
    ],
)
def test_another_grant_a_scope_that_no_service_has_and_a_huge_form_are_refused(
    port: int, secret: str, form: dict[str, str], error: str
) -> None:
    status, _, answer = requested(port, form, basic("billing", secret))
    assert (status, answer["error"]) == (400, error)


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(GRANT),
        "",
        "&".join(f"field{number}=1" for number in range(21)),
        "grant_type=client_credentials&scope=orders/read&scope=orders/write",
    ],
    ids=["JSON", "nothing", "too many fields", "a field twice"],
)
def test_what_is_no_form_of_a_token_request_is_told_what_to_send(port: int, secret: str, body: str) -> None:
    status, _, answered = ask(port, "POST", "/oauth2/token", body=body, headers=FORM | basic("billing", secret))
    answer = json.loads(answered)
    assert (status, answer["error"]) == (400, "invalid_request")
    assert "grant_type=client_credentials" in answer["error_description"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:8000"},
        {"Host": "["},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_a_page_in_a_browser_gets_no_token(port: int, secret: str, headers: dict[str, str]) -> None:
    status, answered, answer = requested(port, GRANT, basic("billing", secret) | headers)
    assert (status, answer["error"]) == (403, "invalid_request")
    assert "Access-Control-Allow-Origin" not in answered


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "[::1]:8000"])
def test_a_service_may_use_any_name_of_this_machine(port: int, secret: str, host: str) -> None:
    assert requested(port, GRANT, basic("billing", secret) | {"Host": host})[0] == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS"])
@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/token?grant_type=client_credentials"])
def test_another_method_is_told_which_one_is_allowed(port: int, method: str, path: str) -> None:
    status, answered, _ = ask(port, method, path)
    assert (status, answered["Allow"]) == (405, "POST")


def test_a_huge_body_is_refused_before_it_is_read(port: int) -> None:
    assert problem(*ask(port, "POST", "/oauth2/token", body=b"x" * 4_097)) == (413, "content-too-large")
    head = b"POST /oauth2/token HTTP/1.1\r\nHost: localhost\r\n"
    assert raw_problem(raw(port, head + b"Content-Length: 3000000\r\n\r\n")) == (413, "content-too-large")
    chunks = b"Transfer-Encoding: chunked\r\n\r\n" + b"fff\r\n" + b"x" * 4_095 + b"\r\nfff\r\n"
    assert raw_problem(raw(port, head + chunks)) == (413, "content-too-large")


def test_the_secrets_of_two_clients_differ_and_stay(secret: str) -> None:
    assert tokens.client_secret("billing") == secret
    assert tokens.client_secret("shipping") != secret
