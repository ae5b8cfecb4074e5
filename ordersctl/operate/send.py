"""Sending again, on behalf of an operator: messages to a queue, events to the topic or the bus, at a limited rate."""

import threading
import time
from collections.abc import Mapping
from typing import Any

from chalicelib import wiring
from chalicelib.adapters.publishing import Publisher
from chalicelib.adapters.queues import OrderQueue
from chalicelib.domain import commands
from ordersctl.shared.queues.stage_queues import Queue
from ordersctl.shared.stage import Stage

_LONGEST_SLEEP = 0.2  # seconds, so that Ctrl-C ends threads that wait
_OF_A_DEAD_LETTER = {"reason", "source"}  # attributes with the reason why a message is in a dead-letter queue


class RateLimit:
    """At most so many steps a second, of all threads together."""

    def __init__(self, per_second: float) -> None:
        self._step = 1 / per_second
        self._next = time.monotonic()
        self._lock = threading.Lock()
        self._is_over = False

    def wait(self, steps: int = 1) -> bool:
        """Wait until it is time for the next steps; False once `end` was called, when they must not be done."""
        with self._lock:
            begin = max(self._next, time.monotonic())
            self._next = begin + steps * self._step
        while not self._is_over and (left := begin - time.monotonic()) > 0:
            time.sleep(min(left, _LONGEST_SLEEP))
        return not self._is_over

    def end(self) -> None:
        """Let no thread wait any longer."""
        self._is_over = True


def publisher(stage: Stage) -> Publisher:
    """Return the publisher of a stage's events."""
    return wiring.publisher_to(stage.event_bus, stage.output("EventTopicArn"), stage.client)


def source_of(stage: Stage) -> str:
    """Return the `source` of a stage's events, as app.py has it."""
    return f"urn:orders:{stage.name}"


def send_command(stage: Stage, queue: Queue, body: str, *, once: str) -> None:
    """Send a command to the order queue as the API does; raises Poison when the body is not a command, Fault.

    `once` is the deduplication id: a FIFO queue takes it only once in five minutes. Content-based deduplication would
    drop a command that is redriven within five minutes of its first sending.
    """
    command = commands.decode(body)
    if queue.is_fifo:
        _send(stage, queue, body, attributes={}, group=command.order_id, once=once)
    else:
        shared_ids = frozenset(customer for customer, spread in stage.spread.items() if spread.is_people)
        order_queue = OrderQueue(stage.client("sqs"), queue.url, shared_ids)
        order_queue.send(body, order_id=command.order_id, customer_id=command.customer_id)


def send_event(
    stage: Stage, queue: Queue, body: str, *, attributes: Mapping[str, Any], order_id: str | None, once: str
) -> None:
    """Send an event to one consumer's queue; raises botocore's ClientError.

    On a FIFO queue it is sent in the order's group; `once` is its deduplication id, taken only once in five minutes.
    """
    kept = {
        name: {key: value[key] for key in ("DataType", "StringValue", "BinaryValue") if key in value}
        for name, value in attributes.items()
        if name not in _OF_A_DEAD_LETTER
    }
    _send(stage, queue, body, attributes=kept, group=order_id, once=once)


def _send(
    stage: Stage, queue: Queue, body: str, *, attributes: Mapping[str, Any], group: str | None, once: str
) -> None:
    fifo = {"MessageGroupId": group or "unknown", "MessageDeduplicationId": once} if queue.is_fifo else {}
    stage.client("sqs").send_message(QueueUrl=queue.url, MessageBody=body, MessageAttributes=attributes, **fifo)
