"""One HTTP connection to an AWS service: a request is one write, and the response is read as AWS writes it.

AWS's services answer by HTTP/1.1 with Content-Length. A response of any other form (a proxy's, in chunks) is left to
http.client, which this module imports for that only. Parsing a response by http.client takes a quarter of a warm
accept: docs/adr/0033-tls-as-it-is-deployed.md.
"""

import io
import re
import socket
from typing import Any, NamedTuple

_READ_BYTES = 65_536
_MOST_HEAD_BYTES = 65_536
_END_OF_HEAD = b"\r\n\r\n"
# Visible ASCII only: what else a line may consist of, and where it ends then, is left to http.client.
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
    address: Any = (name_of(host), port)  # typeshed knows no bytes here
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

    def close(self) -> None:
        self._socket.close()

    def exchange(self, request: bytes, timeout: float) -> Response:
        """Send a request and read its response; each wait takes `timeout` seconds at most. Raises OSError."""
        self._socket.settimeout(timeout)
        self._socket.sendall(request)
        return read_response(self._socket)


def read_response(sock: socket.socket) -> Response:
    """The response to a POST. Raises OSError; ResponseError for what http.client would not take either."""
    received = sock.recv(_READ_BYTES)
    while (end := received.find(_END_OF_HEAD)) < 0 and len(received) < _MOST_HEAD_BYTES:
        more = sock.recv(_READ_BYTES) if received else b""
        if not more:
            raise ResponseError("the connection was closed without a response")
        received += more
    head = _plain_head(received[: end + len(_END_OF_HEAD)])
    if head is None:
        return _by_http_client(received, sock)
    content = received[end + len(_END_OF_HEAD) :]
    if len(content) < head.content_length:
        content = _rest(content, head.content_length, sock)
    is_last = head.is_last or len(content) > head.content_length  # nobody asked for what follows
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
    return _Head(
        status=int(matched[1]),
        error_name=found.get(b"x-amzn-query-error", b"").decode(),
        content_length=int(length),
        is_last=b"close" in found.get(b"connection", b"").lower(),
    )


def _rest(content: bytes, length: int, sock: socket.socket) -> bytes:
    parts, missing = [content], length - len(content)
    while missing > 0:
        part = sock.recv(max(missing, _READ_BYTES))
        if not part:
            raise ResponseError("the connection was closed within a response")
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


class _Received(io.RawIOBase):
    """A socket to read, whose first bytes were read already."""

    def __init__(self, received: bytes, sock: socket.socket) -> None:
        self._received, self._socket = received, sock

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # of any buffer, says typeshed
        if not self._received:
            return self._socket.recv_into(buffer)
        count = min(len(buffer), len(self._received))
        buffer[:count], self._received = self._received[:count], self._received[count:]
        return count


def _by_http_client(received: bytes, sock: socket.socket) -> Response:
    import http.client  # noqa: PLC0415 - rarely needed, and slow to import

    response = http.client.HTTPResponse(_Received(received, sock), method="POST")  # type: ignore[arg-type]
    try:
        response.begin()
        content = response.read()
    except http.client.HTTPException as error:
        raise ResponseError(f"not a response: {type(error).__name__}") from error
    # The reader may have taken bytes of what follows with it, so the connection is not used again.
    return Response(response.status, response.headers.get("x-amzn-query-error", ""), content, is_last=True)
