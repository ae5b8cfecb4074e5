"""The local API server over raw connections: it answers as API Gateway does, and drops no connection."""

import gzip
import http.client
import json
import socket
import statistics
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import chalice.local
import pytest
from chalice.app import AuthRequest, AuthResponse, Chalice, Response
from chalice.config import Config

from ordersctl.local import api_gateway
from ordersctl.local.request_body import MAX_BODY_BYTES

app = Chalice("gateway-test", configure_logs=False)


@app.authorizer()
def authorizer(request: AuthRequest) -> AuthResponse | None:
    match request.token:
        case "unauthorized":
            raise RuntimeError("Unauthorized")
        case "broken":
            raise RuntimeError("no")
        case "nothing":
            return None
        case _:
            return AuthResponse(routes=["*"] if request.token == "good" else [], principal_id="p")


@app.route("/things/{name}", methods=["GET", "POST"], content_types=["*/*"])
def thing(name: str) -> dict[str, Any]:
    request = app.current_request
    assert request is not None
    return {"name": name, "bytes": len(request.raw_body), "x": request.headers.get("x")}


@app.route("/echo", methods=["POST"], content_types=["text/plain"])
def echo() -> Response:
    request = app.current_request
    assert request is not None
    body = request.raw_body
    assert isinstance(body, bytes)
    return Response(body.decode(), headers={"Content-Type": "text/plain"})


@app.route("/guarded", authorizer=authorizer)
def guarded() -> str:
    return "in"


@app.route("/header/{value}")
def header(value: str) -> Response:
    return Response("", headers={"X": value})


@app.route("/nothing")
def nothing() -> Response:
    return Response("", status_code=204)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chalice.local, "LocalDevServer", chalice.local.LocalDevServer)  # restored afterwards
        api_gateway.install()
        server = chalice.local.create_local_server(app, Config(), "127.0.0.1", 0)
    thread = threading.Thread(target=server.server.serve_forever, args=(0.02,))
    thread.start()
    yield server.server.server_address[1]
    server.shutdown()
    thread.join()
    server.server.server_close()


def ask(port: int, method: str, path: str, **more: Any) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, **more)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def raw(port: int, request: bytes) -> bytes:
    """Send bytes; returns the answer up to the end of the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def problem(status: int, headers: http.client.HTTPMessage, body: bytes) -> tuple[int, str]:
    """Check that an answer is a problem (RFC 9457), and return its status and slug."""
    assert headers["Content-Type"] == "application/problem+json"
    document = json.loads(body)
    assert document["status"] == status
    assert document["title"]
    assert document["instance"]
    return status, document["type"].removeprefix("urn:problem:orders:")


def raw_problem(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    assert b"Connection: close" in head
    return int(head.split()[1]), json.loads(body)["type"].removeprefix("urn:problem:orders:")


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


def test_a_response_that_cannot_be_sent_is_a_500(port: int) -> None:
    status, headers, body = ask(port, "GET", "/header/%E2%82%AC")

    assert problem(status, headers, body) == (500, "internal-server-error")
    assert "X" not in headers


def test_a_header_may_hold_any_byte(port: int) -> None:
    status, _, body = ask(port, "GET", "/things/a", headers={"X": b"\xe4\xff\x80"})

    assert (status, json.loads(body)["x"]) == (200, "\xe4\xff\x80")


@pytest.mark.parametrize("length", [b"x", b"-1", b"+5", b"1_0", b"", b"\xb2", b"5, 5", b"1.0"])
def test_a_content_length_that_is_not_a_number_is_refused(port: int, length: bytes) -> None:
    answer = raw(port, b"POST /things/a HTTP/1.1\r\nContent-Length: " + length + b"\r\n\r\nhello")

    assert raw_problem(answer) == (400, "bad-request")


@pytest.mark.parametrize(
    ("head", "refused"),
    [
        (b"Content-Length: 5\r\nContent-Length: 6", (400, "bad-request")),
        (b"no colon here\r\nContent-Length: 5", (400, "bad-request")),
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked", (400, "bad-request")),
        (b"Transfer-Encoding: gzip, chunked", (501, "bad-request")),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", (501, "bad-request")),
        (b"Content-Length: 10485761", (413, "content-too-large")),
        (b"Content-Length: 99999999999999999999999999", (413, "content-too-large")),
        (b"X: " + b"a" * 70_000, (431, "bad-request")),
        (b"\r\n".join(b"X%d: a" % number for number in range(200)), (431, "bad-request")),
    ],
)
def test_a_request_of_unknown_length_is_refused(port: int, head: bytes, refused: Any) -> None:
    answer = raw(port, b"POST /things/a HTTP/1.1\r\n" + head + b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n")

    assert raw_problem(answer) == refused


@pytest.mark.parametrize(
    "chunks",
    [b"5\r\nhello\r\n0\r\n\r\n", b"2;x=y\r\nhe\r\n03\r\nllo\r\n0\r\nTrailer: t\r\n\r\n", b"5 \r\nhello\r\n0\r\n\r\n"],
)
def test_a_body_in_chunks_is_read_and_the_connection_goes_on(port: int, chunks: bytes) -> None:
    head = b"POST /things/a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
    last = b"GET /things/b HTTP/1.1\r\nConnection: close\r\n\r\n"

    answer = raw(port, head + b"\r\n" + chunks + last)

    assert b'"name":"a","bytes":5' in answer
    assert b'"name":"b"' in answer


@pytest.mark.parametrize(
    ("chunks", "refused"),
    [
        (b"\r\nhello", (400, "bad-request")),
        (b"x\r\nhello", (400, "bad-request")),
        (b"-5\r\nhello", (400, "bad-request")),
        (b"5\r\nhello!\r\n", (400, "bad-request")),
        (b"5\nhello\r\n", (400, "bad-request")),
        (b"a00001\r\nhello", (413, "content-too-large")),
        (b"ffffffffffffffff\r\nhello", (400, "bad-request")),
    ],
)
def test_chunks_that_cannot_be_read_are_refused(port: int, chunks: bytes, refused: Any) -> None:
    answer = raw(port, b"POST /things/a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)

    assert raw_problem(answer) == refused


@pytest.mark.parametrize(
    ("coding", "body"),
    [("gzip", gzip.compress(b"hello")), ("deflate", zlib.compress(b"hello")), ("GZIP", gzip.compress(b"hello"))],
)
def test_a_compressed_body_is_decompressed_as_by_api_gateway(port: int, coding: str, body: bytes) -> None:
    status, _, answer = ask(port, "POST", "/things/a", body=body, headers={"Content-Encoding": coding})

    assert (status, json.loads(answer)["bytes"]) == (200, 5)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b"hello"),
        ("gzip", gzip.compress(b"hello")[:-1]),
        ("gzip", gzip.compress(b"hello") + b"!"),
        ("br", b"hello"),
        ("gzip, gzip", gzip.compress(gzip.compress(b"hello"))),
    ],
)
def test_a_body_that_cannot_be_decompressed_is_of_the_wrong_type(port: int, coding: str, body: bytes) -> None:
    status, headers, answer = ask(port, "POST", "/things/a", body=body, headers={"Content-Encoding": coding})

    assert problem(status, headers, answer) == (415, "unsupported-media-type")
    assert headers["Accept-Encoding"] == "gzip, deflate"


def test_a_body_that_becomes_too_large_is_refused(port: int) -> None:
    bomb = gzip.compress(b"0" * (MAX_BODY_BYTES + 1))
    answer = ask(port, "POST", "/things/a", body=bomb, headers={"Content-Encoding": "gzip"})

    assert problem(*answer) == (413, "content-too-large")


@pytest.mark.parametrize(
    ("request_line", "status"),
    [(b"GET /a b HTTP/1.1", 400), (b"GET / HTTP/9.9", 505), (b"NONSENSE / HTTP/1.1", 501), (b"X", 400)],
)
def test_a_request_line_that_cannot_be_served_is_a_problem(port: int, request_line: bytes, status: int) -> None:
    assert raw_problem(raw(port, request_line + b"\r\n\r\n")) == (status, "bad-request")


def test_a_body_over_the_limit_is_refused_although_the_client_sends_all_of_it(port: int) -> None:
    status, headers, body = ask(port, "POST", "/things/a", body=b"x" * (11 * 1024 * 1024))

    assert problem(status, headers, body) == (413, "content-too-large")


def test_a_body_of_exactly_the_limit_is_accepted(port: int) -> None:
    body = b"x" * MAX_BODY_BYTES
    status, _, answer = ask(port, "POST", "/things/a", body=body, headers={"Content-Type": "text/plain"})

    assert (status, json.loads(answer)["bytes"]) == (200, len(body))


def test_a_client_that_waits_for_100_continue_gets_it_at_once(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(
            b"POST /things/a HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 100 Continue")
        connection.sendall(b"hello")
        assert b'"bytes":5' in connection.recv(65536)


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
