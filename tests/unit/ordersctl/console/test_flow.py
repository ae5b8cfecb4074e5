"""What the console makes of log lines: hops, counts, losses and doubles, in bounded memory."""

import json
from datetime import datetime
from typing import Any

import pytest

from ordersctl.console import flow
from ordersctl.console.flow import Flow

TIME = "2026-11-28T12:00:00.000Z"


def line(event: str, order_id: str = "ord_1", **details: Any) -> dict[str, Any]:
    return {"time": TIME, "level": "INFO", "event": event, "order_id": order_id, **details}


def test_an_order_has_its_hops_and_the_status_of_its_highest_version() -> None:
    watched = Flow()
    watched.take("api", line("order.updated", status="confirmed", version=2))  # its file is read first
    watched.take("api", line("order.accepted"))
    watched.take("handlers", line("order.placed", placed_after_ms=80))
    watched.take("inventory", line("inventory.handled", event_id="ord_1.1"))
    (order,) = watched.changed(0, 10)
    assert order["status"] == "confirmed"
    assert [hop[1] for hop in order["hops"]] == ["updated", "accepted", "placed", "handled:inventory"]


def test_an_accepted_order_waits_until_it_is_stored() -> None:
    watched = Flow()
    for number in range(3):
        watched.take("api", line("order.accepted", f"ord_{number}"))
    watched.take("handlers", line("order.placed", "ord_0"))
    watched.take("handlers", line("order.rejected", "ord_1"))
    assert watched.ledger() == {"accepted": 3, "waiting": 1, "twice": 0}


def test_a_store_whose_line_was_read_first_leaves_nothing_waiting() -> None:
    watched = Flow()
    watched.take("handlers", line("order.placed"))
    watched.take("api", line("order.accepted"))
    assert watched.ledger()["waiting"] == 0


def test_an_order_stored_twice_and_an_event_handled_twice_are_counted() -> None:
    watched = Flow()
    for _ in range(2):
        watched.take("handlers", line("order.placed"))
        watched.take("invoicing", line("invoicing.handled", event_id="ord_1.1"))
    assert watched.ledger()["twice"] == 2


def test_a_repeated_command_and_another_consumers_work_are_no_doubles() -> None:
    watched = Flow()
    watched.take("handlers", line("order.placed"))
    watched.take("handlers", line("order.already_there"))
    for consumer in ("invoicing", "inventory"):
        watched.take(consumer, line(f"{consumer}.handled", event_id="ord_1.1"))
    watched.take("invoicing", line("invoicing.handled", event_id="ord_1.2"))
    assert watched.ledger()["twice"] == 0


def test_a_row_has_counts_and_latencies_of_its_second() -> None:
    watched = Flow()
    watched.take("api", line("order.accepted"))
    for number, after in enumerate((10, 20, 30)):
        watched.take("handlers", line("order.placed", f"ord_{number}", placed_after_ms=after))
    watched.take("handlers", line("event.published", version=1, published_after_ms=50))
    watched.take("handlers", line("event.published", version=2, published_after_ms=9_000))  # of a change
    rows = watched.rows(0, now=datetime.fromisoformat(TIME).timestamp() + 2)
    assert rows[-2][1:] == [1, 3, 2, 0, 20, 30, 50, 50]
    assert rows[-1][1:] == [0, 0, 0, 0, None, None, None, None]


def test_what_is_no_line_of_the_service_is_left_out() -> None:
    watched = Flow()
    for odd in ({}, {"event": 1}, line("order.accepted") | {"time": "soon"}, line("request.seen"), {"time": TIME}):
        watched.take("api", odd)
    assert (watched.totals, watched.changed(0, 10)) == ({}, [])


ODD = [None, True, float("nan"), 1e999, 10**400, "", [], {}, [1], {"a": 1}, "\ud800", "x" * 9_999]


@pytest.mark.parametrize("odd", ODD, ids=[str(number) for number in range(len(ODD))])
@pytest.mark.parametrize(
    "name", ["level", "reason", "detail", "exception", "status", "version", "event_id", "placed_after_ms", "type"]
)
def test_no_line_of_a_log_stops_the_page(name: str, odd: object) -> None:
    watched = Flow()
    for event in ("order.placed", "order.updated", "event.published", "invoicing.handled", "message.failed"):
        for level in ("INFO", "ERROR"):
            watched.take("handlers", {**line(event), "level": level, name: odd})
    rows = watched.rows(0, now=datetime.fromisoformat(TIME).timestamp() + 2)
    sent = [watched.changed(0, 10), rows[-3:], list(watched.trouble)]
    assert len(json.dumps(sent, allow_nan=False)) < 9_999


def test_warnings_are_kept_with_their_reason() -> None:
    watched = Flow()
    watched.take("handlers", line("message.quarantined", level="ERROR", reason="not JSON"))
    assert watched.trouble[0]["why"] == "not JSON"


def test_a_day_of_orders_takes_no_more_memory_than_an_hour() -> None:
    watched = Flow()
    for number in range(flow.KEPT_ORDERS * 2):
        for _ in range(flow.HOPS_OF_AN_ORDER // 10):
            watched.take("api", line("order.updated", f"ord_{number}", status="confirmed", version=2))
        watched.take("handlers", line("message.failed", level="ERROR"))
    assert len(watched.changed(0, flow.KEPT_ORDERS * 2)) == flow.KEPT_ORDERS
    assert len(watched.trouble) == flow.KEPT_TROUBLE
    for number in range(flow.HOPS_OF_AN_ORDER * 2):
        watched.take("api", line("order.updated", status="confirmed", version=number))
    assert len(watched.shown("ord_1")["hops"]) == flow.HOPS_OF_AN_ORDER  # type: ignore[index]
