"""The thin client reads any response as http.client does, in whatever pieces it comes."""

import contextlib
import http.client
import io
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.aws import connection
from chalicelib.aws.connection import Response, ResponseError

LINES = st.sampled_from(
    [
        b"Content-Length: 5",
        b"content-length:5",
        b"Content-Length: 0",
        b"Content-Length: 7",
        b"Content-Length: -1",
        b"Content-Length: +5",
        b"Content-Length : 5",
        b"Content-Length: 5, 5",
        b"Content-Length:",
        b"Transfer-Encoding: chunked",
        b"Connection: close",
        b"Connection: keep-alive",
        b"Connection: keep-alive, Close",
        b"Keep-Alive: timeout=5",
        b"x-amzn-query-error: AWS.SimpleQueueService.NonExistentQueue;Sender",
        b"X-Amzn-Query-Error:  Twice \t",
        b"Date: Sun, 29 Nov 2026 02:00:00 GMT",
        b" folded",
        b"no colon",
        b"odd: \x0bContent-Length: 3",
        b"odd: \xe9",
        b"odd: a\rContent-Length: 2",
        b"odd: a\nContent-Length: 1",
        b"",
    ]
)
STATUSES = st.sampled_from(
    [
        *(b"HTTP/1.1 200 OK", b"HTTP/1.1 400 Bad Request", b"HTTP/1.1 503", b"HTTP/1.1 204 None", b"HTTP/1.1 304 Same"),
        *(b"HTTP/1.0 200 OK", b"HTTP/1.1 100 Continue", b"HTTP/1.1 20 OK", b"HTTP/2 200", b"ICY 200 OK", b"", b"\x80"),
    ]
)
BODIES = st.sampled_from(
    [b"hello", b"", b"hel", b"hello\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n", b"5\r\nhello\r\n", b"{}"]
)
TYPICAL = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    """Heads made of usual and of unusual lines; or of a usual one with some bytes replaced."""
    if draw(st.booleans()):
        text = bytearray(TYPICAL)
        for place, byte in draw(st.lists(st.tuples(st.integers(0, len(TYPICAL) - 1), st.integers(0, 255)), max_size=3)):
            text[place] = byte
        return bytes(text)
    head = [draw(STATUSES), *draw(st.lists(LINES, max_size=5))]
    return b"".join(line + b"\r\n" for line in head) + b"\r\n" + draw(BODIES)


class Wire:
    """A socket from which a response comes in pieces, and then the end of the connection."""

    def __init__(self, content: bytes, piece: int) -> None:
        self._content, self._piece = io.BytesIO(content), piece

    def recv(self, size: int) -> bytes:
        return self._content.read(min(size, self._piece))

    def recv_into(self, buffer: memoryview) -> int:
        return self._content.readinto(memoryview(buffer)[: self._piece])

    def makefile(self, _mode: str) -> io.BytesIO:
        return self._content


def theirs(content: bytes) -> tuple[int, str, bytes] | None:
    wire: Any = Wire(content, len(content))
    response = http.client.HTTPResponse(wire, method="POST")
    with contextlib.suppress(http.client.HTTPException, OSError):
        response.begin()
        return response.status, response.headers.get("x-amzn-query-error", ""), response.read()
    return None


def ours(content: bytes, piece: int) -> Response | None:
    wire: Any = Wire(content, piece)
    with contextlib.suppress(OSError):
        return connection.read_response(wire)
    return None


@given(content=responses(), piece=st.integers(1, 200))
@example(content=TYPICAL, piece=200)
@example(content=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", piece=3)
@example(content=b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello", piece=99)
def test_any_response_is_read_as_http_client_reads_it(content: bytes, piece: int) -> None:
    read = ours(content, piece)
    # http.client takes a head that ends with the connection for a whole one.
    expected = theirs(content) if b"\r\n\r\n" in content else None
    assert (read and (read.status, read.error_name, read.content)) == expected


@given(content=responses())
def test_a_connection_is_used_again_only_after_exactly_one_response_of_known_length(content: bytes) -> None:
    read = ours(content, len(content) or 1)
    if read is not None and not read.is_last:
        head, _, rest = content.partition(b"\r\n\r\n")
        assert rest == read.content
        assert b"close" not in head.lower()
        assert http.client.parse_headers(io.BytesIO(head.partition(b"\r\n")[2] + b"\r\n\r\n"))["content-length"]


@pytest.fixture
def wires() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection."""
    near, far = socket.socketpair()
    with near, far:
        yield near, far


def test_a_request_is_one_write(wires: tuple[socket.socket, socket.socket]) -> None:
    near, far = wires
    far.sendall(TYPICAL)
    assert connection.Connection(near).exchange(b"POST / HTTP/1.1\r\n\r\n{}", 1) == Response(
        200, "", b"hello", is_last=False
    )
    assert far.recv(1_000) == b"POST / HTTP/1.1\r\n\r\n{}"


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhel", b"HTTP/1.1 200 OK\r\nCon"])
def test_a_connection_that_ends_too_early_is_an_error_of_the_connection(
    wires: tuple[socket.socket, socket.socket], sent: bytes
) -> None:
    near, far = wires
    far.sendall(sent)
    far.shutdown(socket.SHUT_WR)
    with pytest.raises(ResponseError):
        connection.Connection(near).exchange(b"POST / HTTP/1.1\r\n\r\n", 1)


def test_what_is_larger_than_one_read_is_read_whole() -> None:
    body = b"x" * 100_000
    content = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + body
    wire: Any = Wire(content, 1_000)
    assert connection.read_response(wire) == Response(200, "", body, is_last=False)
