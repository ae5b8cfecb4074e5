"""Redriving dead letters that would come straight back, and how often a command receives each message."""

import json

import pytest

from testkit import builders
from tests.tools.operate.stage import OperatedStage


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
    assert "would come straight back" in result.stdout
    assert "ordersctl dlq drop" in result.stdout
    assert stage.run("dlq", "redrive", "--all", answer="n\n").stderr.startswith("1 dead letter will be redriven.")


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
