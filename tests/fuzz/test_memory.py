"""Input that is far too large is refused within a second and 50 MB."""

import json
import time
import tracemalloc
from collections.abc import Callable

import pytest

from testkit.builders import command, line, new_order
from tests.fuzz.entry_points import EntryPoints

MB = 1_000_000
POSTED = {
    "6 MB of an order": json.dumps(new_order(note="x" * 6 * MB)),
    "6 MB of nothing": " " * 6 * MB,
    "100,000 items": json.dumps(new_order(items=[line()] * 100_000)),
    "100,000 deep in arrays": "[" * 100_000 + "]" * 100_000,
    "20,000 deep in objects": '{"a":' * 20_000 + "1" + "}" * 20_000,
    "a number of 200,000 digits": '{"currency": ' + "9" * 200_000 + "}",
    "20,000 unknown names": json.dumps({str(number): number for number in range(20_000)}),
    "20,000 times the same name": "{" + ",".join(['"a":1'] * 20_000) + "}",
}


def seconds_and_bytes(call: Callable[[], object]) -> tuple[float, int]:
    """How long a call takes, and how much memory at its peak."""
    begun = time.perf_counter()
    call()
    took = time.perf_counter() - begun
    tracemalloc.start()
    try:
        call()
        return took, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("what", POSTED)
def test_a_huge_body_is_refused_within_a_second_and_50_mb(entry_points: EntryPoints, what: str) -> None:
    statuses = set[int]()

    def post() -> None:
        for method, resource in (("POST", "/orders"), ("PATCH", "/orders/{order_id}")):
            statuses.add(entry_points.api(method, resource, "x", "", {"if-match": "*"}, POSTED[what])["statusCode"])

    took, most = seconds_and_bytes(post)
    assert statuses <= {400, 413, 422}
    assert took < 2 * 1.0  # two requests
    assert most < 50 * MB


@pytest.mark.parametrize(
    "query", ["limit=1000000000", "limit=" + "9" * 100_000, "cursor=" + "A" * MB, "x=1&" * 100_000]
)
def test_a_huge_query_is_refused_within_a_second_and_50_mb(entry_points: EntryPoints, query: str) -> None:
    def ask() -> None:
        assert entry_points.api("GET", "/customers/{customer_id}/orders", "17850", query, {}, "")["statusCode"] == 400

    took, most = seconds_and_bytes(ask)
    assert took < 1
    assert most < 50 * MB


def test_a_huge_header_is_refused_within_a_second_and_50_mb(entry_points: EntryPoints) -> None:
    def ask() -> None:
        for headers in ({"idempotency-key": "k" * 6 * MB}, {"if-match": '"1",' * MB}):
            answer = entry_points.api("PATCH" if "if-match" in headers else "POST", "/orders", "", "", headers, "{}")
            assert 400 <= answer["statusCode"] < 500
        entry_points.token("Bearer " + "a." * 3 * MB)

    took, most = seconds_and_bytes(ask)
    assert took < 2
    assert most < 50 * MB


@pytest.mark.parametrize("order", ["[" * 100_000 + "]" * 100_000, json.dumps([line()] * 10_000)], ids=["deep", "long"])
def test_a_huge_message_is_processed_within_a_second_and_50_mb(entry_points: EntryPoints, order: str) -> None:
    body = json.dumps(command(order_id="ord_" + "z" * 32, order="@")).replace('"@"', order)
    took, most = seconds_and_bytes(lambda: entry_points.queue(body))
    assert took < 1
    assert most < 50 * MB
