"""The local API server over raw connections: it answers as API Gateway does, and drops no connection."""

import http.client
import json
import socket
import statistics
import time
from contextlib import ExitStack
from typing import Any

import pytest
from chalice.config import Config

from ordersctl.local import api_gateway
from tests.tools.local.local_gateway import app, ask, asked, problem, raw, raw_problem


def test_path_parameters_are_decoded(port: int) -> None:
    _, _, body = ask(port, "GET", "/things/a%2Fb%20%C3%BC?q=1")

    assert json.loads(body)["name"] == "a/b ü"


@pytest.mark.parametrize("path", ["/nowhere", "/things/a/b", "/%00", "//[", "/things/a%2Fb/c"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}, {"Authorization": b"\xff\xfe"}])
def test_an_unknown_path_is_not_found(port: int, path: str, headers: dict[str, Any]) -> None:
    assert problem(*ask(port, "GET", path, headers=headers)) == (404, "not-found")


@pytest.mark.parametrize(
    ("token", "answer"),
    [
        (None, (401, "unauthorized")),
        ("unauthorized", (401, "unauthorized")),
        ("denied", (403, "forbidden")),
        ("broken", (503, "unavailable")),
        ("nothing", (503, "unavailable")),
    ],
)
def test_a_request_that_the_authorizer_does_not_admit_is_answered_as_by_api_gateway(
    port: int, token: str | None, answer: Any
) -> None:
    headers = {"Authorization": token} if token else {}

    status, more, body = ask(port, "GET", "/guarded", headers=headers)
    assert problem(status, more, body) == answer
    assert more["Retry-After"] == ("5" if status == 503 else None)


def test_a_request_that_the_authorizer_admits_is_served(port: int) -> None:
    assert ask(port, "GET", "/guarded", headers={"Authorization": "good"})[0] == 200


def test_a_policy_is_kept_for_its_token_on_every_route_and_a_failure_is_not(port: int) -> None:
    def times(token: str, *paths: str) -> tuple[int, list[int]]:
        before = asked[token]
        statuses = [ask(port, "GET", path, headers={"Authorization": token})[0] for path in paths]
        return asked[token] - before, statuses

    assert times("good-1", "/guarded", "/guarded", "/guarded-too") == (1, [200, 200, 200])
    assert times("good-2", "/guarded") == (1, [200])
    assert times("denied-1", "/guarded", "/guarded") == (1, [403, 403])
    assert times("unauthorized", "/guarded", "/guarded") == (2, [401, 401])
    assert times("broken", "/guarded", "/guarded") == (2, [503, 503])
    assert times("good-3", "/guarded-each-time", "/guarded-each-time") == (2, [200, 200])


def test_a_response_that_cannot_be_sent_is_a_500(port: int) -> None:
    status, headers, body = ask(port, "GET", "/header/%E2%82%AC")

    assert problem(status, headers, body) == (500, "internal-server-error")
    assert "X" not in headers


def test_a_header_may_hold_any_byte(port: int) -> None:
    status, _, body = ask(port, "GET", "/things/a", headers={"X": b"\xe4\xff\x80"})

    assert (status, json.loads(body)["x"]) == (200, "\xe4\xff\x80")


@pytest.mark.parametrize(
    ("request_line", "status"),
    [(b"GET /a b HTTP/1.1", 400), (b"GET / HTTP/9.9", 505), (b"NONSENSE / HTTP/1.1", 501), (b"X", 400)],
)
def test_a_request_line_that_cannot_be_served_is_a_problem(port: int, request_line: bytes, status: int) -> None:
    assert raw_problem(raw(port, request_line + b"\r\n\r\n")) == (status, "bad-request")


@pytest.mark.parametrize("path", ["/things/a", "/nowhere", "/guarded"])
def test_a_head_request_is_answered_without_a_body(port: int, path: str) -> None:
    answer = raw(port, f"HEAD {path} HTTP/1.1\r\nConnection: close\r\n\r\n".encode())

    assert answer.endswith(b"\r\n\r\n")


def test_an_answer_without_content_has_no_body_and_no_length(port: int) -> None:
    status, headers, body = ask(port, "GET", "/nothing")

    assert (status, headers["Content-Length"], headers["Content-Type"], body) == (204, None, None, b"")


@pytest.mark.parametrize("request_start", [b"", b"GET", b"POST /things/a HTTP/1.1\r\nContent-Length: 50\r\n\r\nhel"])
def test_a_client_that_disconnects_half_way_causes_no_error(
    port: int, request_start: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request_start)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):  # the server closes when it is done with it
            pass

    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("size", [5, 20_000])
def test_a_kept_alive_connection_answers_without_delay(port: int, size: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    took = []
    for _ in range(50):
        before = time.monotonic()
        connection.request("POST", "/echo", body=b"x" * size, headers={"Content-Type": "text/plain"})
        assert len(connection.getresponse().read()) == size
        took.append(time.monotonic() - before)
    connection.close()

    # Where Nagle's algorithm waits for a delayed ACK, each but the first takes 40 ms; other load slows some.
    assert statistics.median(took) < 0.020


def test_many_clients_can_connect_at_once() -> None:
    server = api_gateway.DevServer(app, Config(), "127.0.0.1", 0)  # listens, and accepts no connection yet
    try:
        with ExitStack() as connections:
            for _ in range(100):
                connections.enter_context(socket.create_connection(server.server.server_address, timeout=5))
    finally:
        server.server.server_close()


def test_a_browser_at_the_root_is_sent_to_the_reference_page(port: int) -> None:
    status, headers, _ = ask(port, "GET", "/", headers={"Accept": "text/html,application/xhtml+xml"})
    assert (status, headers["Location"]) == (302, "/docs")
    assert ask(port, "GET", "/", headers={"Accept": "*/*"})[0] == 404  # the API's own answer: this one has no root


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_reference_page_is_found_with_a_slash_at_its_end_too(port: int, method: str) -> None:
    status, headers, _ = ask(port, method, "/docs/")
    assert (status, headers["Location"]) == (302, "/docs")


@pytest.mark.parametrize("path", ["/docs", "/docs/swagger-ui.css"])
def test_the_reference_page_answers_head(port: int, path: str) -> None:
    status, headers, body = ask(port, "HEAD", path)
    assert (status, headers["Content-Type"], body) == (200, ask(port, "GET", path)[1]["Content-Type"], b"")


@pytest.mark.parametrize(
    ("target", "logged"),
    [
        ("/things/a?customer_id=17850", '"GET /things/a" 200'),
        ("/things/a?q=1&customer_id=17850#17850", '"GET /things/a" 200'),
        ("/customers/17850/orders?limit=5", '"GET /customers/…" 404'),
        ("/%63ustomers/17850%3F/orders", '"GET /customers/…" 404'),
        ("http://127.0.0.1/Customers/17850/orders", '"GET http://127.0.0.1/Customers/…" 404'),
    ],
)
def test_an_access_line_names_no_customer(
    port: int, target: str, logged: str, capfd: pytest.CaptureFixture[str]
) -> None:
    ask(port, "GET", target)
    lines = capfd.readouterr().err
    assert logged in lines
    assert "17850" not in lines
