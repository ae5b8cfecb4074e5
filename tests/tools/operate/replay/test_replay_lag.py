"""A replay while the publisher is behind: it would overtake events that are still to be published."""

import json

import pytest

from chalicelib.domain.orders import Order, OrderStatus
from testkit import builders
from testkit.waiting import eventually
from tests.tools.operate.replay.test_replay import changed
from tests.tools.operate.stage import OperatedStage


def an_order_that_changed_twice(stage: OperatedStage) -> Order:
    """An order whose three versions are in the stream; the first is published."""
    placed = builders.an_order(order_id=builders.fresh_order_id())
    stage.store(placed)
    stage.publisher_catches_up()
    shipped = changed(changed(placed, OrderStatus.CONFIRMED), OrderStatus.SHIPPED)
    stage.store(changed(placed, OrderStatus.CONFIRMED))
    stage.store(shipped)
    return shipped


@pytest.mark.parametrize(
    ("which", "to"), [("order", ()), ("customer", ()), ("since", ()), ("order", ("--to", "invoicing"))]
)
def test_nothing_is_replayed_while_the_publisher_is_behind(
    stage: OperatedStage, which: str, to: tuple[str, ...]
) -> None:
    order = an_order_that_changed_twice(stage)
    asked = {"order": order.order_id, "customer": order.customer_id, "since": "2026-01-01"}[which]
    result = stage.run("replay", f"--{which}", asked, *to, "--yes")
    assert result.exit_code == 1
    assert "the publisher is behind: " in result.output
    assert "2 records" in result.output
    assert stage.depth("invoicing") == 0
    stage.publisher_catches_up()
    assert stage.json("replay", f"--{which}", asked, *to, "--yes")["sent"] == 1
    assert [event["sequence"] for event in stage.take_events("invoicing")] == ["3"]


def test_nothing_is_replayed_when_it_is_unknown_how_far_the_publisher_is(stage: OperatedStage) -> None:
    order = builders.an_order()
    stage.store(order)
    result = stage.run("replay", "--order", order.order_id, "--yes")
    assert result.exit_code == 1
    assert "by an unknown time" in result.output
    assert "ORDERS_STATE_DIR" in result.stderr
    assert stage.depth("invoicing") == 0


@pytest.mark.full  # a process of its own, and two pages at a slow rate
def test_a_replay_stops_when_the_publisher_falls_behind_and_continues_later(stage: OperatedStage) -> None:
    orders = [builders.an_order(order_id=builders.fresh_order_id()) for _ in range(250)]
    stage.store_many(orders)
    stage.publisher_catches_up()
    replay = ("replay", "--since", "2026-01-01", "--yes", "--rate", "50")
    process = stage.start(*replay)
    eventually(lambda: stage.depth("invoicing") or process.poll() is not None)  # its first page is being sent
    stage.store(changed(orders[0], OrderStatus.CONFIRMED))
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "the publisher is behind" in output
    assert 0 < len({event["subject"] for event in stage.take_events("invoicing")}) < len(orders)
    stage.publisher_catches_up()
    assert json.loads(stage.run(*replay, "--restart", "--json", "--rate", "1000").stdout)["sent"] == len(orders)
