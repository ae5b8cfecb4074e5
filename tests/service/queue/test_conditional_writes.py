"""Two writers of one version of an order: one succeeds, and the other gets a conflict."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.domain.errors import VersionConflict
from chalicelib.domain.orders import OrderStatus
from testkit.builders import an_order, fresh_order_id
from tests.service.harness import ServiceHarness
from tests.service.queue.test_process import a_command, order_at


def test_of_two_writers_of_one_version_exactly_one_gets_a_conflict(harness: ServiceHarness) -> None:
    order = an_order(order_id=fresh_order_id())
    harness.put(order)
    together = threading.Barrier(2, timeout=10)

    def write(note: str) -> str:
        changed = order.model_copy(update={"note": note, "version": 2})
        together.wait()
        try:
            harness.wiring.order_table().update(order, changed)
        except VersionConflict:
            return "conflict"
        return note

    for _ in range(10):
        harness.put(order)
        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(write, ["a", "b"]))
        assert sorted(outcomes) in (["a", "conflict"], ["b", "conflict"])
        assert order_at(harness, order.order_id).note in outcomes


def test_of_two_equal_writes_of_one_version_the_second_gets_a_conflict(harness: ServiceHarness) -> None:
    """Two writers of the same change in the same millisecond must not both be answered that they made it."""
    order_id, body = a_command()
    harness.process(body)
    order = order_at(harness, order_id)
    table = harness.wiring.order_table()
    changed = order.model_copy(update={"version": 2, "status": OrderStatus.CONFIRMED})
    table.update(order, changed)
    with pytest.raises(VersionConflict):
        table.update(order, changed)
