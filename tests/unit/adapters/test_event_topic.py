"""Publishing in batches: limits, partial failures, and events that can never be delivered."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import botocore.session
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from chalicelib.adapters.event_bus import EventBus
from chalicelib.adapters.event_topic import EventTopic
from chalicelib.adapters.publishing import Undelivered
from chalicelib.domain import events
from chalicelib.domain.events import OrderEvent
from testkit.builders import an_order, fresh_order_id, line
from testkit.fake_aws.topic import message_bytes

KIB = 1024


class FakeSns:
    """Takes batches as SNS does, limits included; `failing` gives the failure of an entry, by event id and attempt."""

    def __init__(self, failing: Callable[[str, int], dict[str, Any] | Exception | None] = lambda _id, _n: None) -> None:
        self.failing = failing
        self.attempts: dict[str, int] = {}
        self.delivered: list[dict[str, Any]] = []
        self.calls: list[int] = []

    def publish_batch(self, *, TopicArn: str, PublishBatchRequestEntries: list[Any]) -> dict[str, Any]:  # noqa: N803 - SNS's
        assert TopicArn == "the topic"
        entries = PublishBatchRequestEntries
        assert 1 <= len(entries) <= 10
        assert len({entry["Id"] for entry in entries}) == len(entries)
        assert sum(map(message_bytes, entries)) <= 256 * KIB
        self.calls.append(len(entries))
        successful, failed = [], []
        for entry in entries:
            event_id = json.loads(entry["Message"])["id"]
            self.attempts[event_id] = self.attempts.get(event_id, 0) + 1
            outcome = self.failing(event_id, self.attempts[event_id])
            if isinstance(outcome, Exception):
                raise outcome
            if outcome is None:
                self.delivered.append(entry)
                successful.append({"Id": entry["Id"], "MessageId": "m"})
            else:
                failed.append({"Id": entry["Id"], **outcome})
        return {"Successful": successful, "Failed": failed}

    @property
    def delivered_ids(self) -> list[str]:
        return [json.loads(entry["Message"])["id"] for entry in self.delivered]


def publish(fake: FakeSns, sent: list[OrderEvent]) -> list[Undelivered]:
    return EventTopic(cast("Any", fake), "the topic").publish(sent)


def an_event(note: str = "n", **new: Any) -> OrderEvent:
    order = an_order(order_id=fresh_order_id(), new={"note": note} | new)
    event = events.between(None, order, source="urn:orders:test")
    assert event is not None
    return event


def some(count: int) -> list[OrderEvent]:
    return [an_event() for _ in range(count)]


def large(kib: int) -> OrderEvent:
    """An event of about so many KiB."""
    return an_event(items=[line(name="é" * 200, sku="s" * 64)] * (kib * KIB // 545))


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "-"}}, "PublishBatch")


def test_events_go_out_in_their_order_ten_at_a_time() -> None:
    fake, sent = FakeSns(), some(23)
    assert publish(fake, sent) == []
    assert fake.delivered_ids == [event.id for event in sent]
    assert fake.calls == [10, 10, 3]


def test_without_events_there_is_no_call() -> None:
    fake = FakeSns()
    assert publish(fake, []) == []
    assert fake.calls == []


def test_an_event_has_the_attributes_that_filters_match() -> None:
    fake = FakeSns()
    publish(fake, [an_event()])
    assert fake.delivered[0]["MessageAttributes"] == {
        "type": {"DataType": "String", "StringValue": "order.placed"},
        "status": {"DataType": "String", "StringValue": "placed"},
        "currency": {"DataType": "String", "StringValue": "GBP"},
        "customer_id": {"DataType": "String", "StringValue": "17850"},
        "total": {"DataType": "Number", "StringValue": "1530"},
    }


def test_an_event_that_fits_without_its_attributes_only_is_sent_thin() -> None:
    fake, one = FakeSns(), line(name="é" * 200, sku="s" * 64)
    small, larger = (len(an_event(items=[one] * count).to_json().encode()) for count in (1, 2))
    items = [one] * ((256 * KIB - small) // (larger - small) - 1)
    room = 256 * KIB - len(an_event(items=items).to_json().encode())
    notes = ["n" * (room - 10), "n" * (room - 500)]  # attributes take some hundred bytes
    publish(fake, [an_event(note=note, items=items) for note in notes])
    assert ["data" in json.loads(entry["Message"]) for entry in fake.delivered] == [False, True]


def test_entries_that_failed_are_sent_again_and_only_they() -> None:
    sent = some(10)
    bad = {sent[3].id, sent[7].id}
    fake = FakeSns(lambda event, n: {"Code": "InternalError", "SenderFault": False} if event in bad and n < 3 else None)
    assert publish(fake, sent) == []
    assert fake.calls == [10, 2, 2]
    assert sorted(fake.delivered_ids) == sorted(event.id for event in sent)


def test_an_entry_that_keeps_failing_is_returned_and_nothing_after_its_batch_is_tried() -> None:
    sent = some(12)
    fake = FakeSns(lambda event, _n: {"Code": "InternalError", "SenderFault": False} if event == sent[3].id else None)
    assert publish(fake, sent) == [
        Undelivered(3, "InternalError", permanent=False),
        Undelivered(10, "not tried", permanent=False),
        Undelivered(11, "not tried", permanent=False),
    ]
    assert fake.attempts[sent[3].id] == 3


def test_a_senders_fault_is_permanent_and_the_rest_goes_out() -> None:
    sent = some(12)
    fake = FakeSns(lambda event, _n: {"Code": "InvalidParameter", "SenderFault": True} if event == sent[3].id else None)
    assert publish(fake, sent) == [Undelivered(3, "InvalidParameter", permanent=True)]
    assert fake.attempts[sent[3].id] == 1
    assert len(fake.delivered) == 11


@pytest.mark.parametrize("code", ["AuthorizationError", "KMSAccessDenied", "KMSThrottling", "TooManyRequests"])
def test_a_failure_that_is_not_the_events_fault_is_temporary(code: str) -> None:
    """SNS reports a missing permission as the sender's fault; once it is granted, the same event is delivered."""
    sent = some(2)
    undelivered = publish(FakeSns(lambda _event, _n: {"Code": code, "SenderFault": True}), sent)
    assert [(each.index, each.permanent) for each in undelivered] == [(0, False), (1, False)]


def test_no_event_of_an_order_goes_out_before_an_earlier_one_of_it() -> None:
    first = an_event()
    second = first.model_copy(update={"id": f"{first.subject}.2", "sequence": "2"})
    fake = FakeSns(lambda event, _n: {"Code": "InternalError", "SenderFault": False} if event == first.id else None)
    undelivered = publish(fake, [an_event(), first, second, an_event()])
    assert [each.index for each in undelivered] == [1, 2, 3]
    assert second.id not in fake.attempts


@pytest.mark.parametrize("fault", [client_error("Throttling"), EndpointConnectionError(endpoint_url="http://sns")])
def test_an_outage_stops_everything_and_nothing_is_permanent(fault: Exception) -> None:
    sent = some(12)
    undelivered = publish(FakeSns(lambda _event, _n: fault), sent)
    assert [each.index for each in undelivered] == list(range(12))
    assert not any(each.permanent for each in undelivered)


def test_one_event_that_makes_the_whole_call_fail_takes_no_other_with_it() -> None:
    sent = some(12)
    fake = FakeSns(lambda event, _n: client_error("InvalidParameter") if event == sent[3].id else None)
    undelivered = publish(fake, sent)
    assert [(each.index, each.permanent) for each in undelivered] == [(3, True)]
    assert set(fake.delivered_ids) == {event.id for event in sent} - {sent[3].id}


def test_a_call_stays_within_the_size_limit() -> None:
    fake, sent = FakeSns(), [large(100) for _ in range(5)]
    assert publish(fake, sent) == []
    assert fake.calls == [2, 2, 1]
    assert all("data" in json.loads(entry["Message"]) for entry in fake.delivered)


def test_an_event_over_the_limit_goes_out_thin() -> None:
    fake, event = FakeSns(), large(300)
    assert len(event.to_json().encode()) > 256 * KIB
    assert publish(fake, [an_event(), event]) == []
    thin = json.loads(fake.delivered[1]["Message"])
    assert thin["id"] == event.id
    assert thin["dataref"] == f"/orders/{event.subject}"
    assert "data" not in thin
    assert fake.delivered[1]["MessageAttributes"]["total"]["DataType"] == "Number"


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"Successful": [], "Failed": []},
        {"Successful": [{"Id": "9", "MessageId": "m"}]},
        {"__type": "InternalError"},
    ],
)
def test_an_entry_that_the_response_does_not_name_was_not_delivered(answer: dict[str, Any]) -> None:
    client = SimpleNamespace(publish_batch=lambda **_batch: answer)
    (undelivered,) = EventTopic(cast("Any", client), "the topic").publish([an_event()])
    assert undelivered == Undelivered(0, "unanswered", permanent=False)


@pytest.mark.parametrize("shape", ["InvalidParameterException", "InvalidParameterValueException"])
def test_the_codes_that_sns_sends_for_invalid_events_are_permanent(shape: str) -> None:
    """An error's code on the wire differs from its shape's name; botocore's model of PublishBatch has both."""
    model = botocore.session.get_session().get_service_model("sns").operation_model("PublishBatch")
    (code,) = [each.metadata["error"]["code"] for each in model.error_shapes if each.name == shape]
    fake = FakeSns(lambda _id, _attempt: client_error(code))
    (undelivered,) = publish(fake, some(1))
    assert undelivered.permanent


def test_a_bus_that_names_no_error_has_taken_the_event() -> None:
    """An answer in JSON may say null, which botocore leaves out."""
    answer = {"FailedEntryCount": 0, "Entries": [{"EventId": "1", "ErrorCode": None}]}
    client = SimpleNamespace(put_events=lambda **_entries: answer)
    assert EventBus(cast("Any", client), "the bus").publish([an_event()]) == []
