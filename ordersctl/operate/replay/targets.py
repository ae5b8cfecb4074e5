"""Where replayed events go: to every subscriber, or to one consumer's queue."""

import json
from collections.abc import Callable
from typing import Any

import click

from chalicelib.adapters.event_topic import message_attributes
from chalicelib.adapters.publishing import fitting
from chalicelib.domain.events import OrderEvent
from ordersctl.operate.send import publisher, send_event
from ordersctl.operate.stage_queues import Queue
from ordersctl.shared.output import echo
from ordersctl.shared.stage import Stage

Send = Callable[[list[OrderEvent]], int]  # sends events, returns how many the target takes


def to_all(stage: Stage) -> Send:
    """Return what publishes events to every subscriber; it raises ClickException when one is not published."""
    stage_publisher = publisher(stage)

    def send(events: list[OrderEvent]) -> int:
        if undelivered := stage_publisher.publish(events):
            first = undelivered[0]
            raise click.ClickException(f"{events[first.index].id} was not published: {first.reason}. Run it again.")
        return len(events)

    return send


def to_consumer(stage: Stage, consumer: Queue) -> Send:
    """Return what sends events to one consumer's queue, those that its subscription's filter lets through."""
    matches = _filter(consumer)

    def send(events: list[OrderEvent]) -> int:
        wanted = [event for event in events if matches(event)]
        for event in wanted:
            body, _ = fitting(event, 0)
            attributes = message_attributes(event)
            send_event(stage, consumer, body, attributes=attributes, order_id=event.subject, once=event.id)
        return len(wanted)

    return send


def _filter(consumer: Queue) -> Callable[[OrderEvent], bool]:
    """Return the subscription's filter policy as a function, if it consists of lists of strings; else no filter."""
    policy: Any = json.loads(consumer.filter_policy or "{}")
    if not all(isinstance(each, str) for values in policy.values() for each in values):
        echo(f"The filter of {consumer.name} is more than lists of strings: it gets every event.", err=True)
        return lambda _event: True

    def matches(event: OrderEvent) -> bool:
        attributes = message_attributes(event)
        return all(attributes.get(name, {}).get("StringValue") in values for name, values in policy.items())

    return matches
