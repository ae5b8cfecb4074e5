"""What a newer release wrote, in the operators' commands: orders of an unknown status, messages of a newer format."""

import json

from chalicelib.domain import commands
from chalicelib.domain.orders import Order, OrderStatus
from ordersctl.local.printed_lines import PrintedLines
from testkit import builders
from testkit.lambda_events import stream_record
from tests.tools.operate.stage import OperatedStage

NEW_STATUS = "on_hold"


def on_hold(version: int) -> Order:
    return builders.an_order(order_id=builders.fresh_order_id(), version=version, status=NEW_STATUS)


def test_an_order_of_an_unknown_status_is_replayed_by_its_status(stage: OperatedStage) -> None:
    first, later = on_hold(1), on_hold(2)
    stage.store(first, later)
    stage.publisher_catches_up()
    stage.json("replay", "--customer", builders.CUSTOMER, "--yes")
    events = {event["subject"]: event for event in stage.take_events("invoicing")}
    assert [events[order.order_id]["type"] for order in (first, later)] == [f"order.{NEW_STATUS}"] * 2
    assert "previous_status" not in events[later.order_id]["data"]


def test_an_order_of_an_unknown_status_is_traced(stage: OperatedStage) -> None:
    order = on_hold(2)
    stage.store(order)
    assert f"now: {NEW_STATUS}" in [row["what"] for row in stage.json("trace", order.order_id)]


def test_the_local_run_shows_an_order_of_an_unknown_status() -> None:
    lines: list[str] = []
    placed, held = builders.an_order(), builders.an_order(version=2, status=NEW_STATUS)
    PrintedLines(lines.append).published(stream_record(placed, held))
    PrintedLines(lines.append).published(stream_record(None, held))
    assert f"{NEW_STATUS} v2" in lines[0]
    assert f"{NEW_STATUS} +" in lines[1]


def test_a_message_of_a_newer_release_stays_a_dead_letter_until_that_release_redrives_it(stage: OperatedStage) -> None:
    body = builders.command(order_id=builders.fresh_order_id(), revision=commands.REVISION + 1)
    stage.send("queue-dlq", body)
    assert stage.run("dlq", "redrive", "--all", "--yes").exit_code != 0
    assert (stage.depth("queue-dlq"), stage.depth("queue")) == (1, 0)
    assert stage.json("dlq", "drop", "--all", "--yes")["done"] == {"stored as rejected": 1}
    stored = stage.stored(body["order_id"])
    assert isinstance(stored, Order)
    assert stored.status == OrderStatus.REJECTED
    assert json.loads(json.loads((stage.state_dir / "dropped-local.jsonl").read_text())["body"]) == body
