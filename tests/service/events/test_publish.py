"""publish_events: every change is published once and in order, and no record blocks the shard permanently."""

import json
from typing import Any, cast

import pytest

from chalicelib.adapters.event_topic import EventTopic
from chalicelib.domain.orders import Order, OrderStatus
from chalicelib.lambda_batches import BatchFailed
from testkit.builders import ADDRESS, LATER, NOW, an_order, fresh_order_id, line
from testkit.lambda_events import stream_event, stream_record
from tests.service.harness import ServiceHarness, throttled

EVENT_DEAD_LETTERS = "orders-tests-events-dlq"


class FakeTopicClient:
    """Refuses some entries, by event type, as SNS does: in an answer of 200."""

    def __init__(self, refused_type: str, code: str, *, times: int = 1_000) -> None:
        self.refused_type, self.code, self.times = refused_type, code, times
        self.delivered: list[str] = []

    def publish_batch(self, *, TopicArn: str, PublishBatchRequestEntries: list[Any]) -> Any:  # noqa: N803 - SNS's names
        assert TopicArn
        successful, failed = [], []
        for entry in PublishBatchRequestEntries:
            event = json.loads(entry["Message"])
            if event["type"] == self.refused_type and self.times > 0:
                self.times -= 1
                failed.append({"Id": entry["Id"], "Code": self.code, "SenderFault": self.code != "InternalError"})
            else:
                self.delivered.append(event["id"])
                successful.append({"Id": entry["Id"], "MessageId": "m"})
        return {"Successful": successful, "Failed": failed}


def with_topic(harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch, fake: FakeTopicClient) -> FakeTopicClient:
    topic = EventTopic(cast("Any", fake), "the topic")
    monkeypatch.setattr(harness.wiring, "publisher", lambda: topic)
    return fake


def some(count: int) -> list[Order]:
    return [an_order(order_id=fresh_order_id()) for _ in range(count)]


def after(order: Order, status: str) -> Order:
    update = {"status": OrderStatus(status), "version": order.version + 1, "updated_at": LATER}
    return order.model_copy(update=update)


def test_events_reach_the_subscribers_that_asked_for_them(harness: ServiceHarness) -> None:
    (order,) = some(1)
    confirmed = after(order, "confirmed")
    cancelled = after(confirmed, "cancelled")
    event = stream_event((None, order), (order, confirmed), (confirmed, cancelled), (cancelled, cancelled.erase(LATER)))
    assert harness.publish(event) is None
    placed, confirmed_, cancelled_, erased = harness.received("invoicing", 4)
    assert [each["type"] for each in (placed, confirmed_, cancelled_, erased)] == [
        "order.placed",
        "order.confirmed",
        "order.cancelled",
        "order.erased",
    ]
    assert harness.received("inventory", 2) == [placed, cancelled_]
    assert harness.received("fulfilment", 2) == [confirmed_, cancelled_]
    assert placed["data"] == order.shown()
    assert (placed["source"], placed["time"], placed["sequence"]) == ("urn:orders:tests", NOW, "1")
    assert erased["data"] == {"order_id": order.order_id, "status": "erased"}


def test_a_full_batch_of_the_stream_is_published(harness: ServiceHarness) -> None:
    orders = some(25)
    assert harness.publish(stream_event(*((None, order) for order in orders))) is None
    assert {event["id"] for event in harness.received("invoicing", 25)} == {f"{order.order_id}.1" for order in orders}


def test_a_record_of_the_engines_own_stream_is_published(harness: ServiceHarness) -> None:
    """Other tests build their records by hand; this one is the engine's."""
    order = an_order(order_id=fresh_order_id(), new={"shipping_address": ADDRESS, "note": "é😀"})
    harness.put(order)
    record = harness.streamed(order.order_id)
    by_hand = stream_record(None, order)["dynamodb"]
    assert record["dynamodb"]["NewImage"] == by_hand["NewImage"]
    assert record["dynamodb"]["Keys"] == by_hand["Keys"]
    assert harness.publish({"Records": [record]}) is None
    assert harness.received("invoicing", 1)[0]["data"] == order.shown()


def test_no_ops_and_removals_publish_nothing(harness: ServiceHarness) -> None:
    (order,) = some(1)
    assert harness.publish(stream_event((order, order), (order, None), (order.erase(LATER), None))) is None
    assert harness.publish(stream_event((None, order))) is None
    assert [event["id"] for event in harness.received("invoicing", 1)] == [f"{order.order_id}.1"]


def test_a_redelivered_record_is_the_same_event(harness: ServiceHarness) -> None:
    (order,) = some(1)
    for _ in range(2):
        harness.publish(stream_event((None, order)))
    first, second = harness.received("invoicing", 2)
    assert first == second


def test_an_event_over_the_limit_goes_out_thin(harness: ServiceHarness) -> None:
    order = an_order(order_id=fresh_order_id(), new={"items": [line(name="é" * 200, sku="s" * 64)] * 600})
    small = an_order(order_id=fresh_order_id())
    assert harness.publish(stream_event((None, order), (None, small))) is None
    received = {event["subject"]: event for event in harness.received("invoicing", 2)}
    assert received[order.order_id]["dataref"] == f"/orders/{order.order_id}"
    assert "data" not in received[order.order_id]
    assert received[small.order_id]["data"] == small.shown()
    assert len(harness.received("inventory", 2)) == 2  # the filter reads attributes, which a thin event has too


# --- failures --------------------------------------------------------------------------------------------------------


def garbage(record: dict[str, Any], **image: Any) -> dict[str, Any]:
    return record | {"dynamodb": record["dynamodb"] | {"NewImage": image}}


def test_an_invalid_record_is_quarantined_whole_and_the_rest_is_published(harness: ServiceHarness) -> None:
    orders = some(3)
    event = stream_event(*((None, order) for order in orders))
    event["Records"][1] = garbage(event["Records"][1], order_id={"S": "x"}, rubbish={"S": "é"})
    assert harness.publish(event) is None
    assert {each["subject"] for each in harness.received("invoicing", 2)} == {orders[0].order_id, orders[2].order_id}
    ((body, reason),) = harness.quarantined(EVENT_DEAD_LETTERS)
    assert json.loads(body) == event["Records"][1]
    assert reason.startswith("not an order's item")


@pytest.mark.parametrize("dynamodb", [None, {}, {"SequenceNumber": "1"}, [], "x"], ids=str)
def test_a_record_without_images_is_quarantined(harness: ServiceHarness, dynamodb: Any) -> None:
    (order,) = some(1)
    event = stream_event((None, order))
    event["Records"].insert(0, {"eventID": "e1", "eventName": "INSERT", "dynamodb": dynamodb})
    assert harness.publish(event) is None
    assert len(harness.received("invoicing", 1)) == 1
    assert len(harness.quarantined(EVENT_DEAD_LETTERS)) == 1


def test_a_quarantined_record_fits_into_a_message_whatever_its_text(harness: ServiceHarness) -> None:
    """A message is 1 MiB at most, and two images can hold half of it: characters of two bytes must not be escaped."""
    note = "é" * 120_000
    order = an_order(order_id=fresh_order_id()).model_copy(update={"note": note})
    record = stream_record(order, order.model_copy(update={"version": 2}))
    del record["dynamodb"]["NewImage"]["fingerprint"]
    harness.publish({"Records": [record]})
    ((body, _),) = harness.quarantined(EVENT_DEAD_LETTERS)
    assert json.loads(body) == record
    assert len(body.encode()) < 2**20


def test_a_partial_failure_is_sent_again(harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = with_topic(harness, monkeypatch, FakeTopicClient("order.cancelled", "InternalError", times=2))
    one, two = some(2)
    assert harness.publish(stream_event((None, one), (one, after(one, "cancelled")), (None, two))) is None
    assert sorted(fake.delivered) == sorted([f"{one.order_id}.1", f"{one.order_id}.2", f"{two.order_id}.1"])


def test_a_permanently_refused_event_is_quarantined_and_the_rest_is_published(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = with_topic(harness, monkeypatch, FakeTopicClient("order.cancelled", "InvalidParameter"))
    one, two = some(2)
    event = stream_event((None, one), (one, after(one, "cancelled")), (None, two))
    assert harness.publish(event) is None
    assert fake.delivered == [f"{one.order_id}.1", f"{two.order_id}.1"]
    ((body, reason),) = harness.quarantined(EVENT_DEAD_LETTERS)
    assert json.loads(body) == event["Records"][1]
    assert reason == "InvalidParameter"


def test_a_lasting_failure_stops_the_shard_at_its_record(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_topic(harness, monkeypatch, FakeTopicClient("order.cancelled", "InternalError"))
    harness.report_failures(monkeypatch)
    one, two = some(2)
    event = stream_event((two, two), (None, one), (one, after(one, "cancelled")), (None, two))
    assert harness.publish(event) == {"batchItemFailures": [{"itemIdentifier": "102"}]}
    assert harness.quarantined(EVENT_DEAD_LETTERS) == []


def test_an_outage_stops_the_shard_at_the_first_record_it_touched(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.report_failures(monkeypatch)
    orders = some(25)
    fails_for = orders[13].order_id
    harness.fail(harness.wiring.publisher(), "PublishBatch", lambda sent: throttled() if fails_for in sent else None)
    answer = harness.publish(stream_event(*((None, order) for order in orders)))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "110"}]}
    assert len(harness.received("invoicing", 10)) == 10


def test_where_failures_are_not_reported_an_outage_is_raised(harness: ServiceHarness) -> None:
    harness.fail(harness.wiring.publisher(), "PublishBatch", lambda _sent: throttled())
    with pytest.raises(BatchFailed, match="100"):
        harness.publish(stream_event(*((None, order) for order in some(2))))


def test_an_invalid_record_that_cannot_be_quarantined_stops_the_shard(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.report_failures(monkeypatch)
    event = stream_event(*((None, order) for order in some(2)))
    event["Records"][1] = garbage(event["Records"][1])
    harness.fail(harness.wiring.event_dead_letters(), "SendMessage", lambda _sent: throttled())
    answer = harness.publish(event)
    assert answer is not None
    assert answer["batchItemFailures"][0]["itemIdentifier"] in {"100", "101"}


def test_without_time_left_the_shard_stops_at_the_first_record(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.report_failures(monkeypatch)
    event = stream_event(*((None, order) for order in some(2)))
    assert harness.publish(event, remaining_ms=500) == {"batchItemFailures": [{"itemIdentifier": "100"}]}
    assert harness.messages("orders-tests-invoicing") == []


def test_a_batch_without_failures_reports_none(harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    harness.report_failures(monkeypatch)
    assert harness.publish(stream_event((None, some(1)[0]))) == {"batchItemFailures": []}
