"""CORS in what the local API server answers without the service: preflights, and refusals of the gateway."""

import threading
from collections.abc import Iterator

import pytest
from chalice.app import AuthRequest, AuthResponse, Chalice
from chalice.config import Config

from chalicelib.http.cors import Origins
from ordersctl.local import api_gateway
from tests.tools.local.local_gateway import ask, raw

SHOP, ADMIN = "https://shop.example", "https://admin.example"
ALLOW = "Access-Control-Allow-Origin"
app = Chalice("cors-test", configure_logs=False)
app.api.cors = Origins([SHOP, ADMIN])


@app.authorizer()
def authorizer(request: AuthRequest) -> AuthResponse:
    del request
    raise RuntimeError("Unauthorized")


@app.route("/guarded", methods=["GET", "HEAD"], authorizer=authorizer)
def guarded() -> str:
    return "in"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = api_gateway.DevServer(app, Config(), "127.0.0.1", 0)
    thread = threading.Thread(target=server.server.serve_forever, args=(0.02,))
    thread.start()
    yield server.server.server_address[1]
    server.shutdown()
    thread.join()
    server.server.server_close()


@pytest.mark.parametrize("origin", [SHOP, ADMIN, "https://evil.example"])
@pytest.mark.parametrize(
    ("asked", "headers", "status"),
    [
        (("OPTIONS", "/guarded"), {}, 200),
        (("GET", "/guarded"), {}, 401),
        (("GET", "/guarded"), {"Authorization": "Bearer x"}, 401),
        (("HEAD", "/guarded"), {}, 401),
        (("GET", "/nowhere"), {}, 404),
        (("PUT", "/guarded"), {"Content-Length": "99999999"}, 413),
    ],
)
def test_preflights_and_refusals_name_the_origin_that_asks_if_it_is_allowed(
    port: int, asked: tuple[str, str], headers: dict[str, str], status: int, origin: str
) -> None:
    named = ADMIN if origin == ADMIN else SHOP
    answered, received, _ = ask(port, *asked, headers={"Origin": origin, **headers})
    assert (answered, received[ALLOW], received["Vary"]) == (status, named, "Origin")
    assert received.get_all(ALLOW) == [named]


def test_a_preflight_allows_what_clients_send(port: int) -> None:
    _, received, _ = ask(port, "OPTIONS", "/guarded", headers={"Origin": SHOP})
    assert received["Access-Control-Allow-Methods"] == "GET,HEAD,OPTIONS"
    assert {"Authorization", "Idempotency-Key", "If-Match"} <= set(received["Access-Control-Allow-Headers"].split(","))


def test_a_request_line_that_cannot_be_read_is_refused_with_the_headers_too(port: int) -> None:
    assert f"{ALLOW}: {SHOP}".encode() in raw(port, b"X\r\n\r\n")
