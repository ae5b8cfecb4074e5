"""The body of a request as API Gateway reads it: whole, out of its chunks, and decompressed."""

import zlib
from http.client import HTTPMessage
from typing import BinaryIO

from chalicelib.http.problems import Problem

MAX_BODY_BYTES = 10 * 1024 * 1024  # API Gateway quotas, "Payload size"
_MAX_LINE = 8_192  # bytes, of a chunk's size or a trailer
# API Gateway guide, "Supported content codings". 32 more bits of window: zlib finds out whether it is gzip or deflate.
_CODINGS = {"gzip", "deflate"}
_EITHER_FORMAT = zlib.MAX_WBITS + 32


class UnreadableBodyError(Exception):
    """The request's end is unknown, so the connection is of no more use; `problem` is the answer."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


def read(headers: HTTPMessage, stream: BinaryIO, *, most: int = MAX_BODY_BYTES) -> bytes:
    """The body as it was sent, of at most so many bytes.

    Raises UnreadableBodyError; ConnectionResetError when it ends early.
    """
    lengths = set(headers.get_all("Content-Length", []))
    if codings := headers.get_all("Transfer-Encoding"):
        if lengths:  # RFC 9112, section 6.3: an attempt to smuggle a request
            raise _unreadable(400, "Content-Length and Transfer-Encoding contradict each other")
        if [each.strip().lower() for each in codings] != ["chunked"]:
            raise _unreadable(501, "The only transfer coding is chunked")
        return _chunks(stream, most)
    length = lengths.pop() if lengths else "0"
    if lengths or not (length.isascii() and length.isdigit()):
        raise _unreadable(400, "The headers cannot be read")
    if len(length) > len(str(most)) or int(length) > most:
        raise _too_large(most)
    return _exactly(int(length), stream)


def decompressed(body: bytes, headers: HTTPMessage) -> bytes:
    """The body without the coding that Content-Encoding names. Raises Problem 413, 415."""
    coding = headers.get("Content-Encoding", "identity").strip().lower()
    if coding == "identity" or not body:
        return body
    if coding not in _CODINGS:
        raise _not_decompressed("The content codings are gzip and deflate")
    decompressor = zlib.decompressobj(_EITHER_FORMAT)
    try:
        plain = decompressor.decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error:
        raise _not_decompressed(f"The body is not compressed by {coding}") from None
    if len(plain) > MAX_BODY_BYTES:
        raise Problem("content-too-large", 413, f"The most is {MAX_BODY_BYTES} bytes")
    if not decompressor.eof or decompressor.unused_data:
        raise _not_decompressed(f"The body is not compressed by {coding}")
    return plain


def _chunks(stream: BinaryIO, most: int) -> bytes:
    """The chunks of a body (RFC 9112, section 7.1), and past its trailers."""
    body = b""
    while size := _chunk_size(stream):
        if len(body) + size > most:
            raise _too_large(most)
        body += _exactly(size, stream)
        if _line(stream):
            raise _unreadable(400, "A chunk is longer than its size")
    while _line(stream):
        pass
    return body


def _chunk_size(stream: BinaryIO) -> int:
    digits = _line(stream).partition(b";")[0].strip()
    if not digits or digits.strip(b"0123456789abcdefABCDEF") or len(digits) > len(f"{MAX_BODY_BYTES:x}"):
        raise _unreadable(400, "The size of a chunk cannot be read")
    return int(digits, 16)


def _line(stream: BinaryIO) -> bytes:
    line = stream.readline(_MAX_LINE)
    if not line:
        raise ConnectionResetError("the body ended early")
    if not line.endswith(b"\r\n"):
        raise _unreadable(400, "A chunk cannot be read")
    return line[:-2]


def _exactly(length: int, stream: BinaryIO) -> bytes:
    body = stream.read(length)
    if len(body) < length:
        raise ConnectionResetError("the body ended early")
    return body


def _too_large(most: int) -> UnreadableBodyError:
    return UnreadableBodyError(Problem("content-too-large", 413, f"The most is {most} bytes"))


def _unreadable(status: int, detail: str) -> UnreadableBodyError:
    return UnreadableBodyError(Problem("bad-request", status, detail))


def _not_decompressed(detail: str) -> Problem:
    return Problem("unsupported-media-type", 415, detail, headers={"Accept-Encoding": "gzip, deflate"})
