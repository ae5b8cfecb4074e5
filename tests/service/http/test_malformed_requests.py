"""Malformed requests over real connections: each is refused with a problem of status 4xx."""

import json
import socket
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from testkit.builders import line, new_order
from testkit.servers.local_run import LocalRun
from tests.service.http.callers import CUSTOMER, SERVICE, token
from tests.service.http.conftest import HttpCallers

ORDER = json.dumps(new_order(note="NOTE"))
PRICE, NOTE = '"unit_price": 255', '"NOTE"'
EIGHT_KB = "a" * 8_192


def priced(number: str) -> bytes:
    return ORDER.replace(PRICE, f'"unit_price": {number}').encode()


def noted(text: bytes) -> bytes:
    return ORDER.encode().replace(NOTE.encode(), text)


BODIES = {
    "nothing": b"",
    "blank": b"   ",
    "NaN": priced("NaN"),
    "Infinity": priced("Infinity"),
    "-Infinity": priced("-Infinity"),
    "1e400": priced("1e400"),
    "-1e400": priced("-1e400"),
    "4,000 digits": priced("1" + "0" * 3_999),
    "5,000 digits": priced("1" + "0" * 4_999),
    "4,000 digits with a point": priced("1" * 4_000 + ".0"),
    "a fraction": priced("0.5"),
    "just over the largest": priced("1000000000001"),
    "more than 64 bits": priced("18446744073709551616"),
    "minus zero point one": priced("-0.1"),
    "leading zero": priced("01"),
    "hexadecimal": priced("0x10"),
    "a plus": priced("+1"),
    "underscores": priced("1_0"),
    "a text": priced('"255"'),
    "a truth": priced("true"),
    "arabic digits": priced("٣"),
    "arabic digits in a text": priced('"٣"'),
    "arrays 100,000 deep": b"[" * 100_000 + b"]" * 100_000,
    "objects 40,000 deep": b'{"a":' * 40_000,
    "deep inside": noted(b"[" * 50_000 + b"]" * 50_000),
    "a duplicate key": ORDER.replace("{", '{"currency": "JPY", ', 1).encode(),
    "an escaped duplicate key": ORDER.replace("{", '{"c\\u0075rrency": "JPY", ', 1).encode(),
    "a duplicate key inside": ORDER.replace(PRICE, f'{PRICE}, "unit_price": 1').encode(),
    "UTF-16": ORDER.encode("utf-16"),
    "UTF-32 without a mark": ORDER.encode("utf-32-le"),
    "half a character": noted(b'"\xc3"'),
    "an overlong character": noted(b'"\xc0\xaf"'),
    "Latin-1": noted(b'"caf\xe9"'),
    "a surrogate in UTF-8": noted(b'"\xed\xa0\x80"'),
    "a character beyond Unicode": noted(b'"\xf4\x90\x80\x80"'),
    "a lone high surrogate": noted(rb'"\ud800"'),
    "a lone low surrogate": noted(rb'"\udc00"'),
    "surrogates the wrong way round": noted(rb'"\udc00\ud800"'),
    "an escaped NUL": noted(rb'"a\u0000b"'),
    "a NUL": noted(b'"a\x00b"'),
    "a raw line feed": noted(b'"a\nb"'),
    "an escaped form feed": noted(rb'"a\fb"'),
    "a C1 control": noted(b'"a\xc2\x85b"'),
    "a wrong escape": noted(rb'"\x41"'),
    "an open text": noted(b'"'),
    "something after it": ORDER.encode() + b"{}",
    "a NUL after it": ORDER.encode() + b"\x00",
    "a comma at the end": ORDER[:-1].encode() + b",}",
    "a comment": b"/* */" + ORDER.encode(),
    "single quotes": ORDER.replace('"', "'").encode(),
    "a prototype": ORDER.replace("{", '{"__proto__": {"total": 0}, ', 1).encode(),
    "an unknown surrogate key": ORDER.replace("{", '{"\\ud800": 1, ', 1).encode(),
    "a long key": ORDER.replace("{", '{"' + EIGHT_KB + '": 1, ', 1).encode(),
    "null": b"null",
    "an array": b"[]",
    "a number": b"1",
    "a total": ORDER.replace("{", '{"total": 1, ', 1).encode(),
}
PATHS = [
    b"/orders/%00",
    b"/orders/%C3",
    b"/orders/%ED%A0%80",
    b"/orders/%0d%0aSet-Cookie:%20a=b",
    b"/orders/\xc3\xa9",
    b"/orders/\xff\xfe",
    b"/orders/..%2f..%2fhealth",
    b"/orders/%",
    b"/orders/%zz",
    b"/orders/" + EIGHT_KB.encode(),
    b"/orders/ord_" + b"%30" * 31 + b"i",
    b"/customers/%0d%0aX:%20y/orders",
    b"/customers/%C3%A9/orders",
    b"/customers/\xff/orders",
    b"/customers/%00/orders",
    b"/customers/" + EIGHT_KB.encode() + b"/orders",
]
QUERIES = [
    b"cursor=%00",
    b"cursor=%C3",
    b"cursor=\xff\xfe",
    b"cursor=" + EIGHT_KB.encode(),
    b"cursor=%0d%0aSet-Cookie:%20a=b",
    b"cursor=",
    b"status=%0d%0aplaced",
    b"status=placed%00",
    b"status=Placed",
    b"status=placed&status=placed",
    b"limit=" + b"9" * 8_192,
    b"limit=0",
    b"limit=101",
    b"limit=-1",
    b"limit=1e1",
    b"limit=%D9%A3",
    b"limit=1%0a",
    b"limit=+1",
    b"placed_after=%00",
    b"placed_after=2026-01-01",
    b"placed_after=2026-13-01T00:00:00Z",
    b"placed_after=0000-01-01T00:00:00Z",
    b"placed_before=2026-01-01T00:00:00Z%0a",
    b"placed_before=" + EIGHT_KB.encode(),
    b"\xff=1",
    b"%0d%0a=1",
    b"unknown=1",
    EIGHT_KB.encode() + b"=1",
]
KEYS = [
    b"\xff\xfe",
    "schlüssel".encode(),
    b"two words",
    b"a\x00b",
    b"a\x7fb",
    b'""',
    b"a\rb",
    b"a\x0bb",
    b"",
    EIGHT_KB.encode(),
    b"a" * 256,
]
TAGS = [b"\xff", b"nonsense", b'"0"', b'"01"', b'"1', b"'1'", b'"1\x00"', b'"' + b"9" * 8_000 + b'"', b"", b",", b"1"]
TOKENS = [b"Bearer \xff\xfe", b"Bearer " + EIGHT_KB.encode(), b"Bearer a.b\x00.c", b"Bearer", b"\xff", b"Bearer a\rb"]


@dataclass(frozen=True)
class Wire:
    """Sends raw requests to the local run, one connection each, with a customer's token."""

    port: int
    authorization: bytes

    def refuses(self, method: bytes, target: bytes, body: bytes = b"", **headers: bytes) -> int:
        """Send a request that must be refused with a problem and no injected header; returns its status."""
        sent = {"Host": b"localhost", "Connection": b"close", "Authorization": self.authorization}
        sent |= {"Content-Type": b"application/json", "Content-Length": b"%d" % len(body)} if body else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        head = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in sent.items())
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(method + b" " + target + b" HTTP/1.1\r\n" + head + b"\r\n" + body)
            answer = b"".join(iter(lambda: connection.recv(65_536), b""))
        first, _, rest = answer.partition(b"\r\n")
        head, _, content = rest.partition(b"\r\n\r\n")
        status = int(first.split()[1])
        assert 400 <= status < 500, answer
        assert b"set-cookie" not in head.lower(), head
        document = json.loads(content)
        assert document["type"].startswith("urn:problem:orders:"), document
        assert document["status"] == status
        return status


@pytest.fixture
def wire(local_run: LocalRun) -> Wire:
    return Wire(local_run.api_port, f"Bearer {token('ann', CUSTOMER)}".encode())


@pytest.fixture
def customer(local_run: LocalRun, over_the_wire: HttpCallers) -> Iterator[Wire]:
    """The wire of a customer who must have no orders in the end."""
    name = f"ann-{uuid.uuid4().hex[:8]}"
    yield Wire(local_run.api_port, f"Bearer {token(name, CUSTOMER)}".encode())
    assert over_the_wire(name).get(f"/customers/{name}/orders").json["orders"] == []


def test_the_order_is_accepted_unless_it_is_malformed(over_the_wire: HttpCallers) -> None:
    assert over_the_wire("ann").post(ORDER).status == 202
    assert all(body != ORDER.encode() for body in BODIES.values())


@pytest.mark.parametrize("name", BODIES)
def test_no_malformed_body_places_an_order(customer: Wire, name: str) -> None:
    assert customer.refuses(b"POST", b"/orders", BODIES[name], Idempotency_Key=b"k") in {400, 422}


@pytest.mark.parametrize("name", BODIES)
def test_no_malformed_body_changes_an_order(wire: Wire, name: str) -> None:
    # The order does not exist, and the body is checked first: a valid change would get 404.
    assert wire.refuses(b"PATCH", b"/orders/ord_" + b"0" * 32, BODIES[name], If_Match=b"*") in {400, 422}


def test_a_body_over_the_limit_is_refused_as_too_large(customer: Wire) -> None:
    order = json.dumps(new_order(items=[line(name="x" * 200)] * 2_000)).encode()
    assert len(order) > 240 * 1024
    assert customer.refuses(b"POST", b"/orders", order) == 413


@pytest.mark.parametrize("path", PATHS, ids=lambda path: repr(path[:40]))
def test_no_malformed_path_finds_an_order(wire: Wire, local_run: LocalRun, path: bytes) -> None:
    shop = Wire(local_run.api_port, f"Bearer {token('shop', SERVICE)}".encode())
    for asking in (wire, shop):
        assert asking.refuses(b"GET", path) in {400, 403, 404}


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: repr(query[:40]))
def test_every_malformed_query_is_refused(wire: Wire, query: bytes) -> None:
    assert wire.refuses(b"GET", b"/customers/ann/orders?" + query) == 400


@pytest.mark.parametrize("name", [b"%0d%0aX:%20y", b"\xff", b"%C3%A9", b"%00", b"", EIGHT_KB.encode(), b"a%20b"])
def test_no_malformed_customer_id_is_accepted(local_run: LocalRun, name: bytes) -> None:
    shop = Wire(local_run.api_port, f"Bearer {token('shop', SERVICE)}".encode())
    assert shop.refuses(b"POST", b"/orders?customer_id=" + name, ORDER.encode()) == 400
    assert shop.refuses(b"GET", b"/orders/ord_" + b"0" * 32 + b"?customer_id=" + name) == 400


@pytest.mark.parametrize("key", KEYS, ids=lambda key: repr(key[:40]))
def test_no_malformed_idempotency_key_is_accepted(customer: Wire, key: bytes) -> None:
    assert customer.refuses(b"POST", b"/orders", ORDER.encode(), Idempotency_Key=key) == 400


@pytest.mark.parametrize("tag", TAGS, ids=lambda tag: repr(tag[:40]))
def test_no_malformed_etag_lets_a_change_through(wire: Wire, tag: bytes) -> None:
    assert wire.refuses(b"PATCH", b"/orders/ord_" + b"0" * 32, b'{"note": "x"}', If_Match=tag) in {
        400,
        404,
    }  # 404: a valid tag, and no order


@pytest.mark.parametrize("authorization", TOKENS, ids=lambda text: repr(text[:40]))
def test_no_malformed_token_is_admitted(wire: Wire, authorization: bytes) -> None:
    assert Wire(wire.port, authorization).refuses(b"GET", b"/customers/ann/orders") in {400, 401}


def test_no_other_media_type_is_read(customer: Wire) -> None:
    for media_type in (
        b"text/plain",
        b"application/xml",
        b"\xff",
        b"multipart/form-data; boundary=x",
        EIGHT_KB.encode(),
    ):
        assert customer.refuses(b"POST", b"/orders", ORDER.encode(), Content_Type=media_type) == 415
