"""publish_events: a poison record is quarantined once, however often its batch is retried."""

from typing import Any

import pytest

from chalicelib.domain.orders import Order
from chalicelib.lambda_batches import BatchFailed
from testkit.lambda_events import stream_event, stream_record
from tests.service.events.test_publish import EVENT_DEAD_LETTERS, FakeTopicClient, after, garbage, some, with_topic
from tests.service.harness import ServiceHarness, throttled


def with_poison(orders: list[Order], *positions: int) -> dict[str, Any]:
    """An event of new orders, in which some records are garbage."""
    event = stream_event(*((None, order) for order in orders))
    for position in positions:
        event["Records"][position] = garbage(event["Records"][position])
    return event


def from_failed(event: dict[str, Any], answer: Any) -> dict[str, Any]:
    """The event that Lambda sends next: from the reported record on."""
    (failure,) = answer["batchItemFailures"]
    numbers = [record["dynamodb"]["SequenceNumber"] for record in event["Records"]]
    return {"Records": event["Records"][numbers.index(failure["itemIdentifier"]) :]}


def source_ids(harness: ServiceHarness) -> list[str]:
    return sorted(each["MessageAttributes"]["source"]["StringValue"] for each in harness.messages(EVENT_DEAD_LETTERS))


def test_however_often_a_batch_is_retried_each_poison_record_is_quarantined_once(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.report_failures(monkeypatch)
    event = with_poison(some(25), 3, 4, 5, 14, 15, 16, 22, 23, 24)
    poison = [event["Records"][position]["eventID"] for position in (3, 4, 5, 14, 15, 16, 22, 23, 24)]
    harness.fail(harness.wiring.publisher(), "PublishBatch", lambda _sent: throttled())
    rest = event
    for _ in range(20):
        rest = from_failed(rest, harness.publish(rest))
    assert len(rest["Records"]) == 25
    harness.end_faults()
    assert harness.publish(rest) == {"batchItemFailures": []}
    assert source_ids(harness) == sorted(poison)
    assert len(harness.received("invoicing", 16)) == 16


def test_poison_before_the_failed_record_is_quarantined_and_poison_after_it_is_not_yet(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.report_failures(monkeypatch)
    orders = some(20)
    event = with_poison(orders, 1, 8, 15)
    fails_for = orders[5].order_id
    harness.fail(harness.wiring.publisher(), "PublishBatch", lambda sent: throttled() if fails_for in sent else None)
    rest = from_failed(event, harness.publish(event))
    assert rest["Records"][0] is event["Records"][0], "nothing of a failed call was published"
    assert source_ids(harness) == []
    with_topic(harness, monkeypatch, FakeTopicClient("order.cancelled", "InternalError"))
    event["Records"][5] = stream_record(orders[5], after(orders[5], "cancelled"), 105)
    rest = from_failed(event, harness.publish(event))
    assert rest["Records"][0] is event["Records"][5]
    assert source_ids(harness) == [event["Records"][1]["eventID"]]


def test_where_failures_are_not_reported_poison_is_quarantined_after_the_rest_of_the_batch(
    harness: ServiceHarness,
) -> None:
    orders = some(25)
    event = with_poison(orders, 0, 1, 12)
    fails_for = orders[22].order_id
    harness.fail(harness.wiring.publisher(), "PublishBatch", lambda sent: throttled() if fails_for in sent else None)
    for _ in range(10):
        with pytest.raises(BatchFailed):
            harness.publish(event)
    harness.end_faults()
    assert harness.publish(event) is None
    assert source_ids(harness) == sorted(event["Records"][position]["eventID"] for position in (0, 1, 12))


def test_a_record_that_cannot_be_quarantined_stops_the_shard_at_it_and_those_before_it_are_not_repeated(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.report_failures(monkeypatch)
    event = with_poison(some(8), 2, 4, 6)
    fails_for = event["Records"][4]["eventID"]
    harness.fail(
        harness.wiring.event_dead_letters(), "SendMessage", lambda sent: throttled() if fails_for in sent else None
    )
    rest = from_failed(event, harness.publish(event))
    assert rest["Records"][0] is event["Records"][4]
    harness.end_faults()
    assert harness.publish(rest) == {"batchItemFailures": []}
    assert source_ids(harness) == sorted(event["Records"][position]["eventID"] for position in (2, 4, 6))
