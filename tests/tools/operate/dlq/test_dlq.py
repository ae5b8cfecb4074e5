"""Dead letters of all three kinds: found, shown, fixed and redriven by the commands alone."""

import json
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from chalicelib.domain import events
from chalicelib.domain.orders import Order
from ordersctl.operate.send import RateLimit, send_event
from ordersctl.operate.stage_queues import Queue
from ordersctl.shared.stage import Stage
from testkit import builders, lambda_events
from tests.tools.operate.stage import OperatedStage

DEAD = {"orders": "queue-dlq", "events": "events-dlq", "inventory": "inventory-dlq"}
KEY_REUSED = "idempotency-key-reused: another order has this id"


def an_event(order: Order) -> dict[str, Any]:
    event = events.between(None, order, source="urn:orders:local")
    assert event is not None
    document: dict[str, Any] = json.loads(event.to_json())
    return document


def a_record(order: Order) -> dict[str, Any]:
    return lambda_events.stream_record(None, order)


def test_list_shows_every_kind_with_its_reason_its_age_and_its_order(stage: OperatedStage) -> None:
    order = builders.an_order()
    stage.send("queue-dlq", builders.command(), reason=KEY_REUSED, source="m1")
    stage.send("events-dlq", a_record(order), reason="InvalidParameter", source="e1")
    stage.send("inventory-dlq", an_event(order))
    rows = stage.json("dlq", "list")
    assert [(row["queue"], row["order_id"], row["reason"]) for row in rows] == [
        ("orders", order.order_id, KEY_REUSED),
        ("events", order.order_id, "InvalidParameter"),
        ("inventory", order.order_id, "received too often, moved here by SQS"),
    ]
    assert all(0 <= row["age"] < 60 for row in rows)
    table = stage.run("dlq", "list").stdout
    assert all(row["id"][:8] in table for row in rows)


def test_list_filters_by_queue_reason_and_order(stage: OperatedStage) -> None:
    one, two = builders.fresh_order_id(), builders.fresh_order_id()
    stage.send("queue-dlq", builders.command(order_id=one), reason="not JSON")
    stage.send("queue-dlq", builders.command(order_id=two), reason=KEY_REUSED)
    stage.send("invoicing-dlq", {"subject": two})
    assert [row["order_id"] for row in stage.json("dlq", "list", "--reason", "KEY-reused")] == [two]
    assert [row["queue"] for row in stage.json("dlq", "list", "--order", two)] == ["orders", "invoicing"]
    assert [row["queue"] for row in stage.json("dlq", "list", "--queue", "invoicing")] == ["invoicing"]
    assert stage.run("dlq", "list", "--queue", "nobody").exit_code == 2


def test_listing_leaves_every_dead_letter_in_its_queue_and_visible(stage: OperatedStage) -> None:
    for number in range(25):
        stage.send("queue-dlq", f"garbage {number}", reason="not JSON")
    for _ in range(3):
        assert len({row["id"] for row in stage.json("dlq", "list")}) == 25


def test_show_prints_a_dead_letter_whole(stage: OperatedStage) -> None:
    message_id = stage.send("queue-dlq", builders.command(), reason="why")
    shown = stage.run("dlq", "show", message_id[:8]).stdout
    assert json.loads(shown.partition("\n")[2]) == builders.command()
    assert "why" in shown.partition("\n")[0]


def test_an_id_that_is_too_short_or_unknown_is_an_error(stage: OperatedStage) -> None:
    assert stage.run("dlq", "show", "abc").exit_code == 2
    assert "0 dead letters" in stage.run("dlq", "show", "abcdef12").output


def test_a_fixed_command_is_redriven_to_the_order_queue(stage: OperatedStage, tmp_path: Path) -> None:
    broken = builders.command() | {"version": 7}
    message_id, file = stage.send("queue-dlq", broken, reason="not a command envelope"), tmp_path / "dead-letter.json"
    file.touch(0o644)  # of an earlier dead letter
    assert stage.run("dlq", "show", message_id, "--out", str(file)).exit_code == 0
    assert file.stat().st_mode & 0o777 == 0o600, "it holds what the customer sent"
    file.write_text(file.read_text().replace('"version": 7', '"version": 1'))
    stage.json("dlq", "redrive", message_id, "--with", str(file), "--yes")
    assert [json.loads(message["Body"]) for message in stage.take("queue")] == [builders.command()]
    assert stage.depth("queue-dlq") == 0


def test_a_fixed_stream_record_is_redriven_through_the_publisher(stage: OperatedStage, tmp_path: Path) -> None:
    order = builders.an_order()
    broken = a_record(order)
    del broken["dynamodb"]["NewImage"]["placed_key"]
    message_id, file = stage.send("events-dlq", broken, reason="not an order's item"), tmp_path / "dead-letter.json"
    result = stage.run("dlq", "redrive", message_id, "--yes")
    assert (result.exit_code, stage.depth("events-dlq"), stage.depth("invoicing")) == (1, 1, 0)
    assert "not an order's item" in result.output
    file.write_text(json.dumps(a_record(order)))
    stage.json("dlq", "redrive", message_id, "--with", str(file), "--yes")
    assert stage.take_events("invoicing") == [an_event(order)]
    assert stage.depth("events-dlq") == 0


def test_a_fixed_event_is_redriven_to_its_consumer_alone_with_its_attributes(
    stage: OperatedStage, tmp_path: Path
) -> None:
    event, file = an_event(builders.an_order()), tmp_path / "dead-letter.json"
    message_id = stage.send("inventory-dlq", {**event, "data": None}, type="order.placed")
    file.write_text(json.dumps(event))
    stage.json("dlq", "redrive", message_id, "--with", str(file), "--yes")
    (message,) = stage.take("inventory")
    assert json.loads(message["Body"]) == event
    assert message["MessageAttributes"]["type"]["StringValue"] == "order.placed"
    assert (stage.depth("inventory-dlq"), stage.depth("invoicing")) == (0, 0)


def test_for_an_order_that_was_erased_since_only_the_erasure_is_redriven(stage: OperatedStage) -> None:
    order = builders.an_order(new={"shipping_address": builders.ADDRESS})
    erased = order.erase(builders.LATER)
    stage.store(erased)
    tombstone = lambda_events.stream_record(order, erased)
    for record in (a_record(order), tombstone):
        stage.send("events-dlq", record, reason="InvalidParameter")
    stage.send("inventory-dlq", an_event(order))
    result = stage.run("dlq", "redrive", "--all", "--yes", "--json")
    report = json.loads(result.stdout)
    assert (result.exit_code, report["done"]) == (1, {"redriven": 1})
    assert [("erased" in each["reason"]) for each in report["stayed"]] == [True, True]
    assert [event["type"] for event in stage.take_events("invoicing")] == ["order.erased"]
    assert stage.depth("inventory") == 0


@pytest.mark.parametrize("kind", DEAD)
def test_a_dead_letter_that_would_come_straight_back_stays_and_is_reported(stage: OperatedStage, kind: str) -> None:
    stage.send(DEAD[kind], "garbage", reason="not JSON")
    result = stage.run("dlq", "redrive", "--queue", kind, "--yes", "--json")
    report = json.loads(result.stdout)
    assert (result.exit_code, report["done"], stage.depth(DEAD[kind])) == (1, {}, 1)
    assert "not" in report["stayed"][0]["reason"]
    assert (stage.depth("queue"), stage.depth("inventory"), stage.depth("invoicing")) == (0, 0, 0)


def test_redrive_sends_only_the_selected_dead_letters_and_releases_the_rest(stage: OperatedStage) -> None:
    ids = [builders.fresh_order_id() for _ in range(25)]
    for number, order_id in enumerate(ids):
        stage.send("queue-dlq", builders.command(order_id=order_id), reason="odd" if number % 2 else "even")
    report = stage.json("dlq", "redrive", "--reason", "odd", "--yes", "--rate", "1000")
    assert report == {"done": {"redriven": 12}, "stayed": [], "in_flight": 0}
    assert {json.loads(message["Body"])["order_id"] for message in stage.take("queue")} == set(ids[1::2])
    assert {row["order_id"] for row in stage.json("dlq", "list")} == set(ids[::2])


def test_a_dead_letter_of_a_fifo_consumer_returns_to_its_orders_group_once(
    stage: OperatedStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", stage.environment["AWS_ENDPOINT_URL"])
    dead, live = (
        stage.sqs.create_queue(QueueName=f"orders-local-{name}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
        for name in ("billing-dlq", "billing")
    )
    policy = {"deadLetterTargetArn": stage.arn("billing-dlq.fifo"), "maxReceiveCount": "5"}
    stage.sqs.set_queue_attributes(QueueUrl=live, Attributes={"RedrivePolicy": json.dumps(policy)})
    topic = "arn:aws:sns:us-east-1:000000000000:orders-local-events"
    subscription = stage.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=stage.arn("billing.fifo"))
    event = an_event(builders.an_order())
    stage.sqs.send_message(
        QueueUrl=dead, MessageBody=json.dumps(event), MessageGroupId="any", MessageDeduplicationId="any"
    )
    (dead_letter,) = stage.json("dlq", "list", "--queue", "billing")
    queue = Queue("billing", "consumer", live)
    # As if killed between sending and deleting, and started again.
    send_event(
        Stage.at("local"),
        queue,
        json.dumps(event),
        attributes={},
        order_id=event["subject"],
        once=dead_letter["id"],
    )
    stage.json("dlq", "redrive", dead_letter["id"], "--yes")
    stage.sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    (message,) = stage.sqs.receive_message(
        QueueUrl=live, MaxNumberOfMessages=10, MessageSystemAttributeNames=["MessageGroupId"]
    )["Messages"]
    assert json.loads(message["Body"]) == event
    assert message["Attributes"]["MessageGroupId"] == event["subject"]


def test_a_redriven_command_keeps_its_customers_fair_queue_group(stage: OperatedStage) -> None:
    stage.send("queue-dlq", builders.command(), reason="the table was away")
    stage.json("dlq", "redrive", "--all", "--yes")
    (message,) = stage.sqs.receive_message(QueueUrl=stage.url("queue"), MessageSystemAttributeNames=["MessageGroupId"])[
        "Messages"
    ]
    assert json.loads(message["Body"]) == builders.command()
    assert message["Attributes"]["MessageGroupId"] == builders.CUSTOMER


def test_redrive_does_not_exceed_its_rate() -> None:
    limit, began = RateLimit(50), monotonic()
    for _ in range(11):
        limit.wait()
    assert monotonic() - began >= 0.2


def test_records_that_lambda_gave_up_are_published_from_the_stream(stage: OperatedStage) -> None:
    good, later = (builders.an_order(order_id=builders.fresh_order_id()) for _ in range(2))
    stage.store(good)
    stage.dynamodb.put_item(TableName="orders-local", Item={"order_id": {"S": "no order"}, "status": {"S": "placed"}})
    stage.store(later)
    first, _, last = stage.stream_records(good.order_id, "no order", later.order_id)
    stage.send("events-dlq", stage.given_up(first, last))
    assert "1 redriven" in stage.run("dlq", "redrive", "--queue", "events", "--yes").output
    assert [event["subject"] for event in stage.take_events("invoicing")] == [good.order_id, later.order_id]
    # The record that cannot be published is now a dead letter of its own, to be fixed.
    assert [row["order_id"] for row in stage.json("dlq", "list")] == ["no order"]


def test_records_that_the_stream_no_longer_has_stay_with_advice(stage: OperatedStage) -> None:
    order = builders.an_order(order_id=builders.fresh_order_id())
    stage.store(order)
    (record,) = stage.stream_records(order.order_id)
    position = stage.given_up(record, record)
    position["DDBStreamBatchInfo"]["startSequenceNumber"] = "000000000000000000001"
    stage.send("events-dlq", position)
    result = stage.run("dlq", "redrive", "--all", "--yes")
    assert (result.exit_code, stage.depth("events-dlq")) == (1, 1)
    assert "replay" in result.output, result.output
