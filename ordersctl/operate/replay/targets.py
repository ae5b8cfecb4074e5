"""The targets of replayed events: every subscriber, or one consumer's queue."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from chalicelib.adapters import publishing
from chalicelib.adapters.event_topic import message_attributes
from chalicelib.adapters.faults import faults
from chalicelib.adapters.publishing import CONTENT_ERRORS, Entry, Publisher, Undelivered
from chalicelib.domain.events import OrderEvent
from ordersctl.operate.send import publisher
from ordersctl.shared.output import say
from ordersctl.shared.queues.stage_queues import BY_ATTRIBUTES, Queue
from ordersctl.shared.stage import Stage

Send = Callable[[list[OrderEvent]], int]  # a function that sends events, and returns how many the target takes


def to_all(stage: Stage) -> Send:
    """Return a function that publishes events to every subscriber; it raises ClickException when publishing fails."""
    return _sender(publisher(stage))


def to_consumer(stage: Stage, consumer: Queue) -> Send:
    """Return a function that sends events to one consumer's queue, if the subscription's filter lets them through.

    Both raise ClickException: where the consumer expects SNS's envelope, and when an event is not sent.
    """
    if not consumer.is_raw:
        raise click.ClickException(
            f"the subscription of {consumer.name} has no RawMessageDelivery: its consumer expects the envelope of SNS, "
            "which only SNS can sign. Replay to every subscriber instead, without --to."
        )
    matches, send = _filter(consumer), _sender(_ConsumerQueue(stage.client("sqs"), consumer))
    return lambda events: send([event for event in events if matches(event)])


def _sender(target: Publisher) -> Send:
    def send(events: list[OrderEvent]) -> int:
        if undelivered := target.publish(events):
            first = undelivered[0]
            raise click.ClickException(f"{events[first.index].id} was not published: {first.reason}. Run it again.")
        return len(events)

    return send


@dataclass(frozen=True)
class _ConsumerQueue:
    """Publishes to one consumer's queue, as the topic does: in batches, with the event's attributes."""

    client: Any
    queue: Queue

    def publish(self, events: Sequence[OrderEvent]) -> list[Undelivered]:
        return publishing.publish([self._entry(index, event) for index, event in enumerate(events)], self._send)

    def _entry(self, index: int, event: OrderEvent) -> Entry:
        attributes = message_attributes(event)
        body, size = publishing.fitting(event, len(json.dumps(attributes)))
        content: dict[str, Any] = {"Id": str(index), "MessageBody": body, "MessageAttributes": attributes}
        if self.queue.is_fifo:
            content |= {"MessageGroupId": event.subject, "MessageDeduplicationId": event.id}
        return Entry(index, event.subject, content, size)

    def _send(self, entries: list[Entry]) -> list[Undelivered]:
        with faults("sqs"):
            answer = self.client.send_message_batch(
                QueueUrl=self.queue.url, Entries=[entry.content for entry in entries]
            )
        # The status is 200 even when entries failed. Only the entries listed as successful were sent.
        codes = {str(entry.index): "unanswered" for entry in entries}
        codes |= {each["Id"]: each["Code"] for each in answer.get("Failed", [])}
        for each in answer.get("Successful", []):
            codes.pop(each["Id"], None)
        return [Undelivered(int(name), code, permanent=code in CONTENT_ERRORS) for name, code in codes.items()]


def _filter(consumer: Queue) -> Callable[[OrderEvent], bool]:
    """Return the subscription's filter policy as a function; one that is not understood lets everything through."""
    policy: Any = json.loads(consumer.filter_policy or "{}")
    if policy and (consumer.filter_scope != BY_ATTRIBUTES or not all(map(_is_strings, policy.values()))):
        known = "lists of strings for message attributes"
        say(f"The filter of {consumer.name} is not applied: it is not {known}. The queue gets every event.", err=True)
        return lambda _event: True

    def matches(event: OrderEvent) -> bool:
        attributes = message_attributes(event)
        return all(attributes.get(name, {}).get("StringValue") in values for name, values in policy.items())

    return matches


def _is_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
