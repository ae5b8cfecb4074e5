"""One HTTP connection to an AWS service: a request is one write, and the response is read as AWS writes it.

AWS's services answer by HTTP/1.1 with Content-Length. A response of any other form (a proxy's, in chunks) is left to
http.client, which this module imports for that only. Parsing a response by http.client takes a quarter of a warm
accept: docs/adr/0033-tls-as-it-is-deployed.md.
"""

import io
import re
import select
import socket
import time
from typing import Any, NamedTuple

_READ_BYTES = 65_536
_MOST_HEAD_BYTES = 65_536
_MOST_CONTENT_DIGITS = 8  # of Content-Length; AWS's longest response is DynamoDB's, with 16 MB of items
_END_OF_HEAD = b"\r\n\r\n"
# Visible ASCII only: a head with any other character is left to http.client.
_PLAIN_HEAD = re.compile(rb"HTTP/1\.1 ([2-5]\d\d)(?: [ -~]*)?\r\n(?:[A-Za-z0-9-]+:[ -~]*\r\n)*\r\n")
_USED = re.compile(
    rb"\n(content-length|transfer-encoding|connection|x-amzn-query-error): *([ -~]*?) *(?=\r\n)", re.IGNORECASE
)
_WITHOUT_A_BODY = {b"204", b"304"}


class Response(NamedTuple):
    status: int
    error_name: str  # SQS's header with the error's name
    content: bytes
    is_last: bool  # the connection cannot be used again


class ResponseError(OSError):
    """The connection ended too early, or what came is not HTTP."""


class _Head(NamedTuple):
    status: int
    error_name: str
    content_length: int
    is_last: bool


def connect(host: str, port: int, timeout: float) -> socket.socket:
    """A TCP connection that sends what is written at once. Raises OSError."""
    address: Any = (name_of(host), port)  # typeshed does not allow bytes here
    connected = socket.create_connection(address, timeout)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connected


def name_of(host: str) -> bytes:
    """A host's name for the socket and ssl modules, which import Python's IDNA codec for a text."""
    return host.encode("ascii" if host.isascii() else "idna")


class Connection:
    """Not safe to share between threads."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def is_quiet(self) -> bool:
        """Whether an idle connection can be used again: it is open, and no bytes have arrived without a request."""
        waiting = select.poll()
        waiting.register(self._socket, select.POLLIN)
        return not waiting.poll(0)

    def close(self) -> None:
        self._socket.close()

    def exchange(self, request: bytes, timeout: float) -> Response:
        """Send a request and read its response, which takes `timeout` seconds each at most. Raises OSError."""
        self._socket.settimeout(timeout)
        self._socket.sendall(request)
        return read_response(self._socket, time.monotonic() + timeout)


def read_response(sock: socket.socket, ends: float) -> Response:
    """The response to a POST, whole by the monotonic time `ends`.

    Raises OSError; ResponseError for what http.client would not take either.
    """
    received = sock.recv(_READ_BYTES)
    while (end := received.find(_END_OF_HEAD)) < 0 and len(received) < _MOST_HEAD_BYTES:
        more = _more(sock, _READ_BYTES, ends) if received else b""
        if not more:
            raise ResponseError("the connection was closed without a response")
        received += more
    head = _plain_head(received[: end + len(_END_OF_HEAD)])
    if head is None:
        return _by_http_client(received, sock, ends)
    content = received[end + len(_END_OF_HEAD) :]
    if len(content) < head.content_length:
        content = _rest(content, head.content_length, sock, ends)
    is_last = head.is_last or len(content) > head.content_length  # bytes without a request follow
    return Response(head.status, head.error_name, content[: head.content_length], is_last)


def _plain_head(head: bytes) -> _Head | None:
    """A response's head; None if it is not one that AWS's services write."""
    if not (matched := _PLAIN_HEAD.fullmatch(head)) or matched[1] in _WITHOUT_A_BODY:
        return None
    lines = _USED.findall(head)
    found = {name.lower(): value for name, value in lines}
    length = found.get(b"content-length", b"")
    if len(found) < len(lines) or b"transfer-encoding" in found or not length.isdigit():
        return None
    if len(length) > _MOST_CONTENT_DIGITS:
        raise ResponseError("a response of impossible length")
    return _Head(
        status=int(matched[1]),
        error_name=found.get(b"x-amzn-query-error", b"").decode(),
        content_length=int(length),
        is_last=b"close" in found.get(b"connection", b"").lower(),
    )


def _more(sock: socket.socket, size: int, ends: float) -> bytes:
    _wait_no_longer(sock, ends)
    return sock.recv(size)


def _wait_no_longer(sock: socket.socket, ends: float) -> None:
    """Let the next read end at `ends` at the latest: the socket's own timeout begins again with each byte."""
    if (left := ends - time.monotonic()) <= 0:
        raise TimeoutError("the response is not whole yet")
    sock.settimeout(left)


def _rest(content: bytes, length: int, sock: socket.socket, ends: float) -> bytes:
    parts, missing = [content], length - len(content)
    while missing > 0:
        part = _more(sock, max(missing, _READ_BYTES), ends)
        if not part:
            raise ResponseError("the connection was closed within a response")
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


class _Received(io.RawIOBase):
    """A socket to read, whose first bytes were read already."""

    def __init__(self, received: bytes, sock: socket.socket, ends: float) -> None:
        self._received, self._socket, self._ends = received, sock, ends

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed: any buffer
        if not self._received:
            _wait_no_longer(self._socket, self._ends)
            return self._socket.recv_into(buffer)
        count = min(len(buffer), len(self._received))
        buffer[:count], self._received = self._received[:count], self._received[count:]
        return count


def _by_http_client(received: bytes, sock: socket.socket, ends: float) -> Response:
    import http.client  # noqa: PLC0415 - rarely needed, and slow to import

    response = http.client.HTTPResponse(_Received(received, sock, ends), method="POST")  # type: ignore[arg-type]
    try:
        response.begin()
        content = response.read()
    except (http.client.HTTPException, ValueError, OverflowError, MemoryError) as error:  # ValueError on: of sizes
        raise ResponseError(f"not a response: {type(error).__name__}") from error
    # The reader may have buffered bytes that follow the response, so the connection is not used again.
    return Response(response.status, response.headers.get("x-amzn-query-error", ""), content, is_last=True)
