"""Bodies at the local API server: lengths, chunks and compression, taken and refused as by API Gateway."""

import gzip
import json
import socket
import zlib
from typing import Any

import pytest

from ordersctl.local.request_body import MAX_BODY_BYTES
from tests.tools.local.local_gateway import ask, problem, raw, raw_problem


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


# A time in it would be part of the tests' names, which differ between workers then.
GZIPPED = gzip.compress(b"hello", mtime=0)


@pytest.mark.parametrize(
    ("coding", "body"),
    [("gzip", GZIPPED), ("deflate", zlib.compress(b"hello")), ("GZIP", GZIPPED)],
)
def test_a_compressed_body_is_decompressed_as_by_api_gateway(port: int, coding: str, body: bytes) -> None:
    status, _, answer = ask(port, "POST", "/things/a", body=body, headers={"Content-Encoding": coding})

    assert (status, json.loads(answer)["bytes"]) == (200, 5)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b"hello"),
        ("gzip", GZIPPED[:-1]),
        ("gzip", GZIPPED + b"!"),
        ("br", b"hello"),
        ("gzip, gzip", gzip.compress(GZIPPED, mtime=0)),
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
