"""Topic, FIFO topic and bus: each subscriber gets the events that it wants, and in order where that is promised."""

import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any, cast

import pytest

from chalicelib.adapters.event_bus import EventBus
from chalicelib.adapters.event_topic import EventTopic
from chalicelib.adapters.publishing import Undelivered
from chalicelib.domain.events import OrderEvent
from ordersctl.shared.project import PROJECT_DIR
from testkit.builders import line
from tests.service.events.topics import SOURCE, EventTopics, random_events
from tests.unit.adapters.test_event_topic import an_event

Wanted = dict[str, Any]


@pytest.mark.parametrize("kind", ["topic", "FIFO topic", "bus"])
def test_every_event_arrives_as_it_was_sent(topics: EventTopics, kind: str) -> None:
    publisher = topics.bus() if kind == "bus" else topics.topic(fifo=kind == "FIFO topic")
    subscriber = topics.subscriber(publisher)
    events = list(random_events(60))
    assert publisher.publish(events) == []
    received = {event["id"]: event for event in subscriber.received(len(events))}
    assert received == {event.id: json.loads(event.to_json()) for event in events}


@pytest.mark.parametrize("kind", ["topic", "FIFO topic", "bus"])
def test_an_event_that_is_too_large_arrives_thin(topics: EventTopics, kind: str) -> None:
    publisher = topics.bus() if kind == "bus" else topics.topic(fifo=kind == "FIFO topic")
    subscriber = topics.subscriber(publisher)
    large = an_event(items=[line(name="é" * 200, sku="s" * 64)] * 600)
    assert publisher.publish([large]) == []
    (received,) = subscriber.received(1)
    assert (received["id"], received["dataref"], "data" in received) == (large.id, f"/orders/{large.subject}", False)


# --- filters ---------------------------------------------------------------------------------------------------------

# What a subscriber wants: as a filter policy of SNS, as an event pattern of EventBridge, and in Python.
WISHES: dict[str, tuple[Wanted, Wanted, Callable[[OrderEvent, dict[str, Any]], bool]]] = {
    "everything": ({}, {"source": [SOURCE]}, lambda _e, _d: True),
    "some types": (
        {"type": ["order.placed", "order.cancelled"]},
        {"detail-type": ["order.placed", "order.cancelled"]},
        lambda e, _d: e.type in {"order.placed", "order.cancelled"},
    ),
    "a status": (
        {"status": ["confirmed"]},
        {"detail": {"data": {"status": ["confirmed"]}}},
        lambda _e, d: d["status"] == "confirmed",
    ),
    "all but a currency": (
        {"currency": [{"anything-but": ["GBP"]}]},
        {"detail": {"data": {"currency": [{"anything-but": ["GBP"]}]}}},
        lambda _e, d: d.get("currency", "GBP") != "GBP",
    ),
    "large orders of the trade": (
        {"total": [{"numeric": [">=", 50_000]}], "customer_id": [{"prefix": "trade-"}]},
        {"detail": {"data": {"total": [{"numeric": [">=", 50_000]}], "customer_id": [{"prefix": "trade-"}]}}},
        lambda _e, d: d.get("total", 0) >= 50_000 and d["customer_id"].startswith("trade-"),
    ),
}


@pytest.mark.parametrize("kind", ["topic", "bus"])
def test_every_subscriber_gets_exactly_its_events_of_a_thousand_changes(topics: EventTopics, kind: str) -> None:
    publisher = topics.topic() if kind == "topic" else topics.bus()
    subscribers = {
        name: topics.subscriber(publisher, policy if kind == "topic" else pattern)
        for name, (policy, pattern, _) in WISHES.items()
    }
    events = list(random_events(1_000))
    assert publisher.publish(events) == []
    for name, (_, _, wants) in WISHES.items():
        expected = [event.id for event in events if wants(event, event.data or {})]
        assert len(expected) >= 100, "the wish matches too few events to show anything"
        received = Counter(event["id"] for event in subscribers[name].received(len(expected)))
        assert received == Counter(expected), name


# --- order -----------------------------------------------------------------------------------------------------------


def test_on_a_fifo_topic_the_events_of_each_order_arrive_in_their_sequence(topics: EventTopics) -> None:
    topic = topics.topic(fifo=True)
    subscriber = topics.subscriber(topic)
    events = list(random_events(400, seed=2))
    assert topic.publish(events) == []
    sequences: dict[str, list[int]] = defaultdict(list)
    for event in subscriber.received(len(events)):
        sequences[event["subject"]].append(int(event["sequence"]))
    assert max(len(each) for each in sequences.values()) >= 4
    assert all(each == list(range(1, len(each) + 1)) for each in sequences.values())


def test_on_a_fifo_topic_an_event_that_is_published_again_arrives_once(topics: EventTopics) -> None:
    topic = topics.topic(fifo=True)
    subscriber = topics.subscriber(topic)
    events = list(random_events(20))
    assert topic.publish(events) == topic.publish(events) == []
    assert topic.publish([an_event()]) == []
    assert len(subscriber.received(21)) == 21


class FakeSns:
    """Refuses an event a number of times, as SNS does: in an answer of 200."""

    def __init__(self, refused: str, times: int) -> None:
        self.refused, self.times = refused, times
        self.delivered: list[str] = []

    def publish_batch(self, *, TopicArn: str, PublishBatchRequestEntries: list[Any]) -> Any:  # noqa: N803 - SNS's names
        assert TopicArn.endswith(".fifo")
        successful, failed = [], []
        for entry in PublishBatchRequestEntries:
            if entry["MessageDeduplicationId"] == self.refused and self.times > 0:
                self.times -= 1
                failed.append({"Id": entry["Id"], "Code": "InternalError", "SenderFault": False})
            else:
                self.delivered.append(entry["MessageDeduplicationId"])
                successful.append({"Id": entry["Id"], "MessageId": "m"})
        return {"Successful": successful, "Failed": failed}


@pytest.mark.parametrize("times", [1, 2, 3, 1_000])
def test_no_later_event_of_an_order_is_published_before_one_that_failed(times: int) -> None:
    events = list(random_events(60, seed=3))
    refused = next(event for event in events[20:] if event.sequence == "2")
    fake = FakeSns(refused.id, times)
    undelivered = EventTopic(cast("Any", fake), "arn:topic.fifo").publish(events)
    assert bool(undelivered) is (times > 2), "an event is sent again twice"
    ours = [each for each in fake.delivered if each.startswith(refused.subject)]
    all_of_it = [event.id for event in events if event.subject == refused.subject]
    assert len(all_of_it) > 2
    assert ours == (all_of_it[:1] if undelivered else all_of_it)


# --- answers of the bus ----------------------------------------------------------------------------------------------


class FakeBus:
    """Refuses events by their ids, as EventBridge does: in an answer of 200, in the entries' order."""

    def __init__(self, refused: dict[str, tuple[str, int]]) -> None:
        self.refused = refused
        self.calls: list[int] = []
        self.delivered: list[str] = []

    def put_events(self, *, Entries: list[Any]) -> Any:  # noqa: N803 - EventBridge's name
        self.calls.append(len(Entries))
        results = []
        for entry in Entries:
            event_id = json.loads(entry["Detail"])["id"]
            code, times = self.refused.get(event_id, ("", 0))
            if times > 0:
                self.refused[event_id] = (code, times - 1)
                results.append({"ErrorCode": code, "ErrorMessage": "-"})
            else:
                self.delivered.append(event_id)
                results.append({"EventId": "-"})
        return {"FailedEntryCount": sum("ErrorCode" in each for each in results), "Entries": results}


def events_of_new_orders(count: int) -> list[OrderEvent]:
    return [an_event() for _ in range(count)]


def test_only_the_entries_that_the_bus_refused_are_sent_again() -> None:
    events = events_of_new_orders(10)
    fake = FakeBus({events[2].id: ("ThrottlingException", 1), events[5].id: ("InternalFailure", 2)})
    assert EventBus(cast("Any", fake), "bus").publish(events) == []
    assert fake.calls == [10, 2, 1]
    assert sorted(fake.delivered) == sorted(event.id for event in events)


def test_an_event_that_the_bus_refuses_permanently_is_reported_and_the_rest_is_published() -> None:
    events = events_of_new_orders(12)
    fake = FakeBus({events[2].id: ("MalformedDetail", 9), events[11].id: ("ThrottlingException", 9)})
    assert EventBus(cast("Any", fake), "bus").publish(events) == [
        Undelivered(2, "MalformedDetail", permanent=True),
        Undelivered(11, "ThrottlingException", permanent=False),
    ]
    assert len(fake.delivered) == 10


def test_an_entry_that_the_engine_refuses_is_reported(topics: EventTopics) -> None:
    bus = topics.bus()
    subscriber = topics.subscriber(bus)
    events = events_of_new_orders(3)
    events[1] = events[1].model_copy(update={"source": "aws.orders"})  # a source that is AWS's own
    (undelivered,) = bus.publish(events)
    assert undelivered == Undelivered(1, "NotAuthorizedForSourceException", permanent=False)
    assert {event["id"] for event in subscriber.received(2)} == {events[0].id, events[2].id}


@pytest.mark.parametrize(("bus", "kind"), [("", "EventTopic"), ("orders", "EventBus")])
def test_the_bus_is_chosen_by_its_name_and_the_topic_otherwise(bus: str, kind: str) -> None:
    config = json.loads((PROJECT_DIR / ".chalice" / "config.json").read_text())
    environment = config["stages"]["local"]["environment_variables"] | {"EVENT_BUS_NAME": bus}
    # In a process of its own, because clients are made once per process.
    code = "from chalicelib import wiring; print(type(wiring.publisher()).__name__)"
    made = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code], cwd=PROJECT_DIR, env=environment, capture_output=True, text=True, check=True
    )
    assert made.stdout.strip() == kind
