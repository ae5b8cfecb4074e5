"""process_orders: each message of a batch stands alone, whether failures are reported or raised."""

import json
from typing import Any

import pytest

from chalicelib.domain.orders import ErasedOrder, Order, OrderStatus
from chalicelib.lambda_batches import BatchFailed
from testkit.builders import LATER, an_order, command, fresh_order_id, line, new_order
from testkit.lambda_events import sqs_event
from tests.service.harness import ServiceHarness, throttled


def a_command(**changes: Any) -> tuple[str, str]:
    """An order id, and a command body for it."""
    order_id = fresh_order_id()
    return order_id, json.dumps(command(order_id=order_id, **changes))


def order_at(harness: ServiceHarness, order_id: str) -> Order:
    order = harness.stored(order_id)
    assert isinstance(order, Order)
    return order


def test_a_batch_is_stored(harness: ServiceHarness) -> None:
    ids, bodies = zip(*(a_command() for _ in range(10)), strict=True)
    assert harness.process(*bodies) is None
    for order_id in ids:
        assert order_at(harness, order_id) == an_order(order_id=order_id)


_MISSING = "order_id: missing; customer_id: missing; placed_at: missing; correlation_id: missing; order: missing"
# What cannot be a command, and the reason with which it is quarantined.
GARBAGE = {
    "text": ("hello", "not JSON"),
    "JSON of something else": ('{"hello": 1}', f"not a command envelope: {_MISSING}"),
    "another command": (json.dumps(command(type="CancelOrder")), "not a command envelope: type: literal_error"),
    "nothing": (" ", "not JSON"),
    "depth": ("[" * 10_000, "not JSON"),
    # The reason goes to logs, so it does not repeat a name that came from outside.
    "a surplus field": (json.dumps(command(surplus=1)), "not a command envelope: ?: extra_forbidden"),
}


@pytest.mark.parametrize("what", GARBAGE)
def test_an_invalid_message_is_quarantined_whole_with_its_reason_and_the_rest_is_stored(
    harness: ServiceHarness, what: str
) -> None:
    garbage, expected = GARBAGE[what]
    first, first_body = a_command()
    last, last_body = a_command()
    assert harness.process(first_body, garbage, last_body) is None
    assert order_at(harness, first).status == order_at(harness, last).status == OrderStatus.PLACED
    ((body, reason),) = harness.quarantined()
    assert (body, reason) == (garbage, expected)


def test_a_reason_is_text_that_sqs_accepts(harness: ServiceHarness) -> None:
    """SQS refuses control characters in attributes: such a message could never be quarantined."""
    harness.process(json.dumps(command(**{"a\x00b\ufffe": 1})))
    ((_, reason),) = harness.quarantined()
    assert reason.isprintable()


@pytest.mark.parametrize(
    ("order", "pointer"),
    [
        (new_order(currency="XXX"), "/currency"),
        (new_order(items=[]), "/items"),
        (new_order(items=[line(unit_price=1)] * 2_001), "/items"),
        (new_order(status="placed"), "/status"),
        ({}, "/currency"),
        (None, ""),
        ("text", ""),
        ([1], ""),
        (new_order(items=[line(quantity=10**4_200)]), "/items/0/quantity"),
        (new_order(**{"a\x00b/c~d": 1}), "/a\x00b~1c~0d"),
    ],
    ids=lambda each: str(each)[:40],
)
def test_an_invalid_order_is_stored_as_rejected_with_its_violations(
    harness: ServiceHarness, order: Any, pointer: str
) -> None:
    order_id, body = a_command(order=order)
    assert harness.process(body, body) is None  # the second is a duplicate
    stored = order_at(harness, order_id)
    assert (stored.status, stored.version, stored.items, stored.total) == (OrderStatus.REJECTED, 1, (), 0)
    assert pointer in {each.pointer for each in stored.violations or ()}
    assert harness.quarantined() == []


def test_a_duplicate_changes_nothing_however_late_it_arrives(harness: ServiceHarness) -> None:
    order_id, body = a_command()
    harness.process(body, body)
    assert order_at(harness, order_id).version == 1
    later = order_at(harness, order_id).model_copy(update={"status": OrderStatus.SHIPPED, "version": 3})
    harness.put(later)
    harness.process(body)
    assert order_at(harness, order_id) == later
    harness.put(later.erase(LATER))
    harness.process(body)
    assert isinstance(harness.stored(order_id), ErasedOrder)
    assert harness.quarantined() == []


def test_of_two_orders_under_one_id_the_first_is_kept_and_the_other_is_quarantined(harness: ServiceHarness) -> None:
    order_id, body = a_command()
    other = json.dumps(command(order_id=order_id, order=new_order(note="other")))
    harness.process(body)
    assert harness.process(other) is None
    assert order_at(harness, order_id).note is None
    ((quarantined, reason),) = harness.quarantined()
    assert quarantined == other
    assert reason.startswith("idempotency-key-reused")


def test_two_orders_racing_under_one_id_leave_one_and_quarantine_the_other(harness: ServiceHarness) -> None:
    order_id, body = a_command()
    others = [json.dumps(command(order_id=order_id, order=new_order(note=str(n)))) for n in range(4)]
    harness.process(body, *others)
    (winner,) = {body, *others} - {quarantined for quarantined, _ in harness.quarantined()}
    assert order_at(harness, order_id).note == json.loads(winner)["order"].get("note")


# --- faults ----------------------------------------------------------------------------------------------------------


def with_one_throttled(harness: ServiceHarness, reporting: pytest.MonkeyPatch | None) -> tuple[list[str], Any]:
    if reporting:
        harness.report_failures(reporting)
    ids, bodies = zip(*(a_command() for _ in range(4)), strict=True)
    harness.fail(harness.wiring.order_table(), "PutItem", lambda sent: throttled() if ids[2] in sent else None)
    try:
        outcome: Any = harness.process(*bodies)
    except BatchFailed as raised:
        outcome = raised
    harness.end_faults()
    return list(ids), outcome


def test_where_failures_are_reported_a_throttled_write_fails_only_its_own_message(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, outcome = with_one_throttled(harness, monkeypatch)
    assert outcome == {"batchItemFailures": [{"itemIdentifier": "m2"}]}
    assert [harness.stored(each) is not None for each in ids] == [True, True, False, True]
    assert harness.quarantined() == []


def test_where_failures_are_not_reported_the_successes_are_deleted_and_the_handler_raises(
    harness: ServiceHarness,
) -> None:
    ids, bodies = zip(*(a_command() for _ in range(4)), strict=True)
    for body in bodies:
        harness.sqs.send_message(QueueUrl=harness.url("orders-tests-queue"), MessageBody=body)
    received = harness.sqs.receive_message(
        QueueUrl=harness.url("orders-tests-queue"), MaxNumberOfMessages=10, WaitTimeSeconds=0, VisibilityTimeout=60
    )["Messages"]
    assert len(received) == 4
    event = {
        "Records": [
            {"messageId": each["MessageId"], "receiptHandle": each["ReceiptHandle"], "body": each["Body"]}
            for each in received
        ]
    }
    harness.fail(harness.wiring.order_table(), "PutItem", lambda sent: throttled() if ids[2] in sent else None)
    with pytest.raises(BatchFailed, match="1 of 4"):
        harness.process_event(event)
    harness.end_faults()
    for each in received:  # the message that was not deleted is visible again at once
        if json.loads(each["Body"])["order_id"] == ids[2]:
            harness.sqs.change_message_visibility(
                QueueUrl=harness.url("orders-tests-queue"), ReceiptHandle=each["ReceiptHandle"], VisibilityTimeout=0
            )
    assert harness.bodies("orders-tests-queue") == [bodies[2]]
    attributes = harness.sqs.get_queue_attributes(
        QueueUrl=harness.url("orders-tests-queue"), AttributeNames=["ApproximateNumberOfMessagesNotVisible"]
    )["Attributes"]
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_an_invalid_message_that_cannot_be_quarantined_is_retried(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.report_failures(monkeypatch)
    order_id, body = a_command()
    harness.fail(harness.wiring.order_dead_letters(), "SendMessage", lambda _sent: throttled())
    assert harness.process("garbage", body) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert harness.stored(order_id) is not None


def test_without_time_left_no_message_is_started_and_every_message_is_reported(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.report_failures(monkeypatch)
    order_id, body = a_command()
    answer = harness.process(body, "garbage", remaining_ms=500)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}, {"itemIdentifier": "m1"}]}
    assert harness.stored(order_id) is None
    assert harness.quarantined() == []


def test_a_message_that_occurs_twice_in_a_batch_is_handled_once(harness: ServiceHarness) -> None:
    event = sqs_event("garbage", "garbage")
    event["Records"][1] |= {"messageId": "m0"}
    assert harness.process_event(event) is None
    assert len(harness.quarantined()) == 1


def test_where_failures_are_not_reported_poison_leaves_the_queue_even_if_other_messages_fail(
    harness: ServiceHarness,
) -> None:
    order_id, body = a_command()
    queue = harness.url("orders-tests-queue")
    for sent in ("garbage", body):
        harness.sqs.send_message(QueueUrl=queue, MessageBody=sent)
    harness.fail(harness.wiring.order_table(), "PutItem", lambda request: throttled() if order_id in request else None)
    for _ in range(3):
        received = harness.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=60)["Messages"]
        event = sqs_event(*(each["Body"] for each in received))
        for record, each in zip(event["Records"], received, strict=True):
            record |= {"messageId": each["MessageId"], "receiptHandle": each["ReceiptHandle"]}
        with pytest.raises(BatchFailed):
            harness.process_event(event)
        for each in received:
            if each["Body"] == body:
                harness.sqs.change_message_visibility(
                    QueueUrl=queue, ReceiptHandle=each["ReceiptHandle"], VisibilityTimeout=0
                )
    assert len(harness.quarantined()) == 1
    assert harness.bodies("orders-tests-queue") == [body]


def test_a_batch_without_failures_reports_none(harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    harness.report_failures(monkeypatch)
    assert harness.process(a_command()[1]) == {"batchItemFailures": []}
