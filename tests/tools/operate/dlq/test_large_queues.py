"""Fifty thousand dead letters: a command's work is proportional to the queue, its memory to the matching messages."""

import tracemalloc

import pytest

from ordersctl.operate.dlq.dead_letters import DeadLetter
from ordersctl.operate.dlq.selection import Selection
from ordersctl.operate.dlq.walk import Walk
from ordersctl.operate.stage_queues import Queue
from tests.tools.operate.dlq.large_queue import DEAD_LETTERS_URL, LargeQueue, stage_of

pytestmark = pytest.mark.full  # fifty thousand messages of a fake queue; no code of the service

COUNT, ODD_ONES = 50_000, 20
QUEUE = Queue("orders", "orders", DEAD_LETTERS_URL)


@pytest.fixture(scope="module")
def messages() -> list[tuple[str, str, str]]:
    every = COUNT // ODD_ONES
    return [(f"m{n:06}", f"order-{n}", "odd" if n % every == 0 else "the table was away") for n in range(COUNT)]


def walk_of(queue: LargeQueue) -> Walk:
    return Walk(stage_of(queue), (QUEUE,), now=lambda: queue.now)


@pytest.mark.parametrize(
    "selection", [Selection(reason="odd"), Selection(order="order-49999")], ids=["reason", "order"]
)
def test_a_search_receives_each_dead_letter_once(messages: list[tuple[str, str, str]], selection: Selection) -> None:
    queue = LargeQueue(messages)
    with walk_of(queue) as walk:
        found = list(selection.among(walk))
    assert len(found) == (ODD_ONES if selection.reason else 1)
    assert queue.calls["receive"] <= COUNT / 10 + 1
    # Each is released once at the end; to hold them during a long walk costs less than another such round.
    assert queue.calls["change visibility"] <= 2.5 * COUNT / 10
    assert queue.held() == 0


def test_a_search_keeps_no_more_than_it_finds(messages: list[tuple[str, str, str]]) -> None:
    queue = LargeQueue(messages)
    found: list[DeadLetter] = []
    with walk_of(queue) as walk:
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        found += Selection(reason="odd").among(walk)
        largest = tracemalloc.get_traced_memory()[1] - before
        tracemalloc.stop()
    assert len(found) == ODD_ONES
    # Fifty thousand bodies of 2 KB would be 100 MB. Of this, most is the fake queue's own account of its holds.
    assert largest < 12_000_000, f"{largest:,} bytes"


def test_dead_letters_stay_invisible_however_long_the_search_takes(messages: list[tuple[str, str, str]]) -> None:
    queue, seen = LargeQueue(messages[:2_000]), 0
    with walk_of(queue) as walk:
        for _ in walk:
            seen += 1
            queue.now += 0.2  # somebody reads each
            walk.renew_when_due()
        assert queue.held() == seen == 2_000
        assert queue.calls["receive"] == 201
    assert queue.held() == 0
