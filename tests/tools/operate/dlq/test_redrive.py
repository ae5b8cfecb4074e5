"""`dlq redrive`: where a dead letter of each kind goes back, and which stay because they would fail again at once."""

import json
from pathlib import Path
from time import monotonic

import pytest

from ordersctl.operate.send import RateLimit, send_event
from ordersctl.shared.queues.stage_queues import Queue
from ordersctl.shared.stage import Stage
from testkit import builders, lambda_events
from tests.tools.operate.dlq.dead_letters import DEAD, a_record, an_event
from tests.tools.operate.stage import OperatedStage


def test_a_fixed_command_is_redriven_to_the_order_queue(stage: OperatedStage, tmp_path: Path) -> None:
    broken = builders.command() | {"version": 7}
    message_id, file = stage.send("queue-dlq", broken, reason="not a command envelope"), tmp_path / "dead-letter.json"
    file.touch(0o644)  # of an earlier dead letter
    written = stage.run("dlq", "show", message_id, "--out", str(file), "--force")
    assert written.stdout.splitlines()[0] == f"Written to {file}"
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


@pytest.mark.parametrize("queue", ["events-dlq", "inventory-dlq"])
@pytest.mark.parametrize("named", [None, "another"], ids=["unreadable", "of another order"])
def test_a_fix_that_names_an_order_erased_since_is_refused(
    queue: str, named: str | None, stage: OperatedStage, tmp_path: Path
) -> None:
    make = a_record if queue == "events-dlq" else an_event
    order = builders.an_order(order_id=builders.fresh_order_id())
    stage.store(order.erase(builders.LATER))
    broken = "{" if named is None else json.dumps(make(builders.an_order(order_id=builders.fresh_order_id())))
    message_id, file = stage.send(queue, broken, reason="why"), tmp_path / "fixed.json"
    file.write_text(json.dumps(make(order)))
    result = stage.run("dlq", "redrive", message_id, "--with", str(file), "--yes")
    assert (result.exit_code, "has been erased since" in result.output) == (1, True), result.output
    assert [stage.depth(each) for each in (queue, "inventory", "invoicing")] == [1, 0, 0]
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


def test_a_reason_that_is_part_of_another_can_be_meant_alone(stage: OperatedStage) -> None:
    kept = {"odd again", "Odd", "an odd"}
    for reason in ("odd", *kept):
        stage.send("queue-dlq", builders.command(), reason=reason)
    assert stage.json("dlq", "redrive", "--reason", "odd", "--exact", "--yes")["done"] == {"redriven": 1}
    assert {row["reason"] for row in stage.json("dlq", "list")} == kept
    assert stage.run("dlq", "drop", "--queue", "orders", "--reason", "", "--exact", "--yes").exit_code == 0
    assert len(stage.json("dlq", "list")) == len(kept)
    assert "--exact needs --reason" in stage.run("dlq", "drop", "--all", "--exact", "--yes").output


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


def receives(stage: OperatedStage, queue: str) -> list[int]:
    """How often each message of a queue has been received, this time included."""
    messages = stage.sqs.receive_message(
        QueueUrl=stage.url(queue), MaxNumberOfMessages=10, MessageSystemAttributeNames=["ApproximateReceiveCount"]
    ).get("Messages", [])
    return [int(message["Attributes"]["ApproximateReceiveCount"]) for message in messages]


@pytest.mark.parametrize("command", ["redrive", "drop"])
@pytest.mark.parametrize("answer", [None, "y\n"], ids=["--yes", "an answer"])
def test_a_command_receives_each_dead_letter_once(stage: OperatedStage, command: str, answer: str | None) -> None:
    one, two = builders.fresh_order_id(), builders.fresh_order_id()
    for order_id in (one, two):
        stage.send("queue-dlq", builders.command(order_id=order_id), reason="the table was away")
    agreed = ("--yes",) if answer is None else ()
    assert stage.run("dlq", command, "--order", one, *agreed, answer=answer).exit_code == 0
    assert receives(stage, "queue-dlq") == [2]


def test_a_command_whose_id_another_order_has_stays_because_it_would_come_straight_back(stage: OperatedStage) -> None:
    order = builders.an_order()
    stage.store(order)
    other = builders.command(order=builders.new_order(currency="EUR"))
    stage.send("queue-dlq", other, reason="idempotency-key-reused: another order has this id")
    result = stage.run("dlq", "redrive", "--all", "--yes", "--json")
    report = json.loads(result.stdout)
    assert (result.exit_code, report["done"]) == (1, {})
    assert "idempotency-key-reused" in report["stayed"][0]["reason"]
    assert (stage.depth("queue"), stage.depth("queue-dlq")) == (0, 1)


def test_what_would_come_straight_back_is_named_with_the_ways_to_be_rid_of_it(stage: OperatedStage) -> None:
    stage.send("queue-dlq", "no order", reason="not JSON")
    result = stage.run("dlq", "redrive", "--all", "--yes")
    assert result.exit_code == 1
    assert "would come straight back" in result.stderr
    assert "ordersctl dlq drop" in result.stderr
    asked = stage.run("dlq", "redrive", "--all", answer="n\n").stderr
    assert "The local run: 1 dead letter will be redriven." in asked


def test_a_command_whose_order_is_stored_already_is_redriven(stage: OperatedStage) -> None:
    stage.store(builders.an_order())
    stage.send("queue-dlq", builders.command(), reason="the table was away")
    assert stage.json("dlq", "redrive", "--all", "--yes")["done"] == {"redriven": 1}


@pytest.mark.parametrize(("command", "outcome"), [("redrive", "redriven"), ("drop", "stored as rejected")])
def test_a_dead_letter_that_is_in_the_queue_twice_is_handled_once(
    stage: OperatedStage, command: str, outcome: str
) -> None:
    body = builders.command(order_id=builders.fresh_order_id())
    for source in ("m1", "m1", "m2"):
        stage.send("queue-dlq", body, reason="the table was away", source=source)
    done = stage.json("dlq", command, "--all", "--yes")["done"]
    assert sum(done.values()) == 3
    assert done["repeated, and deleted with the first"] == 1
    assert (stage.depth("queue-dlq"), stage.depth("queue")) == (0, 2 if command == "redrive" else 0)
    assert outcome in done


def test_records_of_the_stream_that_all_come_back_are_not_reported_as_redriven(stage: OperatedStage) -> None:
    stage.dynamodb.put_item(TableName="orders-local", Item={"order_id": {"S": "no order"}, "status": {"S": "placed"}})
    (record,) = stage.stream_records("no order")
    stage.send("events-dlq", stage.given_up(record, record))
    result = stage.run("dlq", "redrive", "--queue", "events", "--yes", "--json")
    ((outcome, count),) = json.loads(result.stdout)["done"].items()
    assert (result.exit_code, count) == (1, 1)
    assert outcome.startswith("came back")
    assert [row["order_id"] for row in stage.json("dlq", "list")] == ["no order"]
