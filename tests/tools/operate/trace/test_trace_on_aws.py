"""How `ordersctl trace` reads CloudWatch's logs: only those of the order's own times, and each group once."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain import clock
from chalicelib.domain.orders import ErasedOrder, Order
from ordersctl.operate.order_logs import lines_of
from ordersctl.shared.queues.stage_queues import Queue, StageQueues
from ordersctl.shared.stage import Stage
from testkit import builders

GROUPS = ("/aws/lambda/orders-x", "/aws/lambda/orders-x-process-orders", "/aws/lambda/orders-other")
QUEUES = StageQueues((Queue("orders", "orders", "https://sqs.example/1/orders-x-queue"),), ())
HOUR = 3_600
DAY = 24 * HOUR


class Logs:
    """boto3's session of an account with logs; a page holds an hour of them."""

    def __init__(self, *lines: tuple[float, dict[str, str]]) -> None:
        self.lines, self.calls = lines, Counter[str]()

    def client(self, _service: str, **_: Any) -> "Logs":
        return self

    def get_paginator(self, operation: str) -> Any:
        return {"describe_log_groups": _Groups(), "filter_log_events": _Pages(self)}[operation]


class _Groups:
    def paginate(self, **_: Any) -> Iterator[Any]:
        yield {"logGroups": [{"logGroupName": name} for name in GROUPS]}


class _Pages:
    def __init__(self, logs: Logs) -> None:
        self.logs = logs

    def paginate(self, *, logGroupName: str, filterPattern: str, startTime: int, endTime: int) -> Iterator[Any]:  # noqa: N803
        words = [word.strip('?"') for word in filterPattern.split()]
        for begin in range(startTime, endTime, HOUR * 1_000):
            self.logs.calls[logGroupName] += 1
            found = [
                {"timestamp": int(at * 1_000), "message": json.dumps(line)}
                for at, line in self.logs.lines
                if begin <= at * 1_000 < min(endTime, begin + HOUR * 1_000) and line["in"] == logGroupName
                if any(word in json.dumps(line) for word in words)
            ]
            yield {"events": found}


def traced(logs: Any, order: Order | ErasedOrder | None, order_id: str, hours: int | None = None) -> list[str]:
    return [line["event"] for line in lines_of(Stage("x", logs, {}), QUEUES, order_id, order, hours)]


def line(event: str, group: str, order: str, correlation_id: str = "request-1") -> dict[str, str]:
    return {"event": event, "in": group, "order_id": order, "correlation_id": correlation_id}


def test_a_stored_order_takes_a_call_for_each_group_and_hour_of_its_own_times() -> None:
    placed = time.time() - 30 * DAY
    order = builders.an_order(
        placed_at=clock.from_seconds(placed), updated_at=clock.from_seconds(placed + 60), correlation_id="request-1"
    )
    logs = Logs(
        (placed, line("order.accepted", GROUPS[0], order.order_id)),
        (placed + 1, line("order.placed", GROUPS[1], order.order_id)),
        (placed + 2, line("order.placed", GROUPS[1], "another")),
    )
    assert traced(logs, order, order.order_id) == ["order.accepted", "order.placed"]
    assert logs.calls == {GROUPS[0]: 1, GROUPS[1]: 1}


def test_an_order_that_changed_by_another_request_takes_a_second_round_for_the_first_ones_id() -> None:
    placed = time.time() - DAY
    order = builders.an_order(
        placed_at=clock.from_seconds(placed), updated_at=clock.from_seconds(placed + 60), correlation_id="request-2"
    )
    seen = {"event": "request.seen", "in": GROUPS[0], "correlation_id": "request-1"}
    logs = Logs((placed, line("order.accepted", GROUPS[0], order.order_id)), (placed, seen))
    assert traced(logs, order, order.order_id) == ["order.accepted", "request.seen"]
    assert logs.calls == {GROUPS[0]: 2, GROUPS[1]: 2}


def test_a_change_hours_after_the_placing_is_found() -> None:
    placed = time.time() - DAY
    order = builders.an_order(
        placed_at=clock.from_seconds(placed),
        updated_at=clock.from_seconds(placed + 5 * HOUR),
        correlation_id="request-1",
    )
    logs = Logs((placed + 5 * HOUR, line("order.updated", GROUPS[0], order.order_id)))
    assert traced(logs, order, order.order_id) == ["order.updated"]


@pytest.mark.parametrize(("hours", "found"), [(None, ["order.accepted"]), (48, ["order.accepted", "message.redriven"])])
def test_what_came_long_after_the_last_change_is_found_by_hours(hours: int | None, found: list[str]) -> None:
    placed = time.time() - DAY
    order = builders.an_order(placed_at=clock.from_seconds(placed), updated_at=clock.from_seconds(placed + 60))
    logs = Logs(
        (placed, line("order.accepted", GROUPS[0], order.order_id)),
        (placed + 8 * HOUR, line("message.redriven", GROUPS[1], order.order_id)),
    )
    assert traced(logs, order, order.order_id, hours) == found


def test_an_order_that_is_not_stored_is_looked_for_in_the_last_day() -> None:
    logs = Logs((time.time() - 23 * HOUR, line("order.accepted", GROUPS[0], builders.ORDER_ID)))
    assert traced(logs, None, builders.ORDER_ID) == ["order.accepted"]


def test_an_erased_order_is_looked_for_in_the_day_before_its_erasure() -> None:
    erased = time.time() - 5 * DAY
    order = ErasedOrder(
        order_id=builders.ORDER_ID, version=2, updated_at=clock.from_seconds(erased), correlation_id="request-9"
    )
    logs = Logs((erased - 20 * HOUR, line("order.accepted", GROUPS[0], builders.ORDER_ID)))
    assert traced(logs, order, builders.ORDER_ID) == ["order.accepted"]
