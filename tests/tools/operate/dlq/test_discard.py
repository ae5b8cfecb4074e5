"""Dead letters that are dropped: stored as rejected, or kept in a file."""

import json
from pathlib import Path
from typing import Any

import pytest

from chalicelib.adapters import order_items
from chalicelib.adapters.event_topic import message_attributes
from chalicelib.domain import events, orders
from chalicelib.domain.orders import NewOrder, Order, OrderStatus
from testkit import builders
from tests.tools.operate.dlq.dead_letters import DEAD, KEY_REUSED
from tests.tools.operate.stage import TABLE, OperatedStage

# The attributes of each order, also of a rejected one.
ALWAYS = {
    *("order_id", "customer_id", "placed_key", "status", "version", "items", "total", "item_count"),
    *("updated_at", "fingerprint", "correlation_id"),
}


def test_nothing_is_redriven_or_dropped_without_confirmation(stage: OperatedStage) -> None:
    stage.send("queue-dlq", builders.command(), reason="why")
    for command in ("redrive", "drop"):
        result = stage.run("dlq", command, "--all", answer="n\n")
        assert "why" in result.output
        assert stage.run("dlq", command, "--all").exit_code != 2
        assert stage.run("dlq", command).exit_code == 2
        assert (stage.depth("queue-dlq"), stage.depth("queue")) == (1, 0)
    stage.run("dlq", "redrive", "--all", answer="y\n")
    assert (stage.depth("queue-dlq"), stage.depth("queue")) == (0, 1)


def test_a_dropped_command_is_stored_as_rejected_and_kept_in_a_file(stage: OperatedStage) -> None:
    order_id = builders.fresh_order_id()
    stage.send("queue-dlq", builders.command(order_id=order_id), reason="hopeless")
    assert stage.json("dlq", "drop", "--order", order_id, "--yes")["done"] == {"stored as rejected": 1}
    order = stage.stored(order_id)
    assert isinstance(order, Order)
    assert (order.status, order.version, order.customer_id) == (OrderStatus.REJECTED, 1, builders.CUSTOMER)
    assert "hopeless" in str(order.status_reason)
    # A retry under the same key is answered like the first request, not as a key of another order.
    assert order.fingerprint == orders.fingerprint(orders.parse(NewOrder, builders.new_order()))
    kept = json.loads((stage.state_dir / "dropped-local.jsonl").read_text())
    assert json.loads(kept["body"])["order_id"] == order_id
    assert stage.depth("queue-dlq") == 0


def test_a_dropped_order_has_nothing_that_its_client_sent(stage: OperatedStage) -> None:
    order_id = builders.fresh_order_id()
    stage.send("queue-dlq", builders.command(order_id=order_id, order=builders.shop_basket()), reason="hopeless")
    assert stage.json("dlq", "drop", "--all", "--yes")["done"] == {"stored as rejected": 1}
    item = stage.dynamodb.get_item(TableName=TABLE, Key=order_items.key(order_id), ConsistentRead=True)["Item"]
    assert item.keys() == ALWAYS | {"status_reason"}
    assert (item["items"], item["total"], item["item_count"]) == ({"L": []}, {"N": "0"}, {"N": "0"})
    order = order_items.from_item(item)
    assert isinstance(order, Order)
    event = events.between(None, order, source="urn:orders:local")
    assert event is not None
    reason = "given up by the operator: hopeless"
    ids = {"order_id": order_id, "customer_id": builders.CUSTOMER}
    times = {"placed_at": builders.NOW, "updated_at": builders.NOW}
    said = {"status": "rejected", "status_reason": reason, "items": [], "subtotal": 0, "total": 0, "version": 1}
    assert event.data == ids | times | said
    attributes = {name: each["StringValue"] for name, each in message_attributes(event).items()}
    shown = {"status": "rejected", "customer_id": builders.CUSTOMER, "total": "0"}
    assert attributes == {"type": "order.rejected"} | shown


def test_a_dropped_order_that_is_invalid_keeps_its_violations(stage: OperatedStage) -> None:
    order_id = builders.fresh_order_id()
    stage.send("queue-dlq", builders.command(order_id=order_id, order={"items": []}), reason="hopeless")
    assert stage.json("dlq", "drop", "--all", "--yes")["done"] == {"stored as rejected": 1}
    order = stage.stored(order_id)
    assert isinstance(order, Order)
    assert {each.pointer for each in order.violations or ()} == {"/currency", "/items"}
    assert order.status_reason == "given up by the operator: hopeless"


def test_a_dropped_command_does_not_change_a_stored_order(stage: OperatedStage) -> None:
    order = builders.an_order()
    stage.store(order)
    stage.send("queue-dlq", builders.command(order=builders.new_order(currency="EUR")), reason=KEY_REUSED)
    assert stage.json("dlq", "drop", "--all", "--yes")["done"] == {"an order with this id is already stored": 1}
    assert stage.stored(order.order_id) == order


@pytest.mark.parametrize(
    "body",
    [
        builders.command() | {"version": 2},
        builders.command() | {"surprise": True},
        builders.command() | {"placed_at": "yesterday"},
        {"order_id": builders.ORDER_ID, "customer_id": builders.CUSTOMER},
    ],
    ids=["another version", "an unknown field", "a bad time", "only the ids"],
)
def test_a_dropped_message_that_only_names_an_order_is_stored_as_rejected_too(stage: OperatedStage, body: Any) -> None:
    stage.send("queue-dlq", body, reason="not a command envelope")
    assert stage.json("dlq", "drop", "--all", "--yes")["done"] == {"stored as rejected": 1}
    order = stage.stored(builders.ORDER_ID)
    assert isinstance(order, Order)
    assert (order.status, order.customer_id) == (OrderStatus.REJECTED, builders.CUSTOMER)


def test_dropped_garbage_is_kept_in_a_file_that_only_its_owner_reads(stage: OperatedStage, tmp_path: Path) -> None:
    for kind, queue in DEAD.items():
        stage.send(queue, f"garbage for {kind}", reason="not JSON")
    file = tmp_path / "dropped.jsonl"
    result = stage.run("dlq", "drop", "--all", "--archive", str(file), "--yes")
    assert result.exit_code == 0
    assert "2 kept in the file." in result.stdout
    assert "For up to 1 order a client may still read `accepted`" in result.stderr
    kept = [json.loads(line) for line in file.read_text().splitlines()]
    assert [each["body"] for each in kept] == [f"garbage for {kind}" for kind in DEAD]
    assert file.stat().st_mode & 0o777 == 0o600
    assert [stage.depth(queue) for queue in DEAD.values()] == [0, 0, 0]


def test_nothing_is_deleted_when_the_archive_cannot_be_written(stage: OperatedStage, tmp_path: Path) -> None:
    stage.send("queue-dlq", "garbage", reason="not JSON")
    (tmp_path / "dropped.jsonl").symlink_to(tmp_path / "gone" / "dropped.jsonl")
    result = stage.run("dlq", "drop", "--all", "--archive", str(tmp_path / "dropped.jsonl"), "--yes")
    assert (result.exit_code, stage.depth("queue-dlq")) == (1, 1)
    assert "No such file or directory" in result.stderr


def test_an_archive_in_a_directory_that_is_not_there_is_refused(stage: OperatedStage, tmp_path: Path) -> None:
    stage.send("queue-dlq", "garbage", reason="not JSON")
    refused = stage.run("dlq", "drop", "--all", "--archive", str(tmp_path / "nope" / "x"), "--yes")
    assert (refused.exit_code, "there is no directory" in refused.stderr, stage.depth("queue-dlq")) == (2, True, 1)
    assert not (tmp_path / "nope").exists()
