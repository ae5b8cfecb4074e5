"""Publishing events in batches: what a topic and an event bus have in common."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import ClientError

from chalicelib.domain.errors import Fault
from chalicelib.domain.events import OrderEvent

# PublishBatch and PutEvents take ten entries. 256 KiB together is SNS's limit; EventBridge would take more, but which
# events are thin should not depend on who carries them.
_ENTRIES_AT_ONCE = 10
_BYTES_AT_ONCE = 256 * 1024
_ATTEMPTS = 3
# What is refused with one of these would be refused again: the fault is in what is published. Whatever else is refused
# (throttling, permissions, keys) is not an event's fault, and may pass.
CONTENT_ERRORS = {
    "BatchRequestTooLong",
    "InvalidArgument",
    "InvalidMessageContents",
    "InvalidParameter",
    "InvalidParameterValue",
    "MalformedDetail",
    "ParameterValueInvalid",
}


@dataclass(frozen=True, slots=True)
class Undelivered:
    index: int  # of the event in what was to be published
    reason: str
    for_ever: bool  # whether the same event would be refused again


@dataclass(frozen=True, slots=True)
class Entry:
    index: int  # of the event in what is to be published
    order_id: str
    content: Any  # as the service takes it
    size: int  # bytes, as the service counts them


class Publisher(Protocol):
    def publish(self, events: Sequence[OrderEvent]) -> list[Undelivered]:
        """Publish events in their order; returns those that did not get through, and tries no more after a fault."""


def fitting(event: OrderEvent, other_bytes: int) -> tuple[str, int]:
    """The event as JSON, thin if it must be, and its size with what goes along (bytes)."""
    body = event.to_json()
    if len(body.encode()) + other_bytes > _BYTES_AT_ONCE:
        body = event.thin().to_json()
    return body, len(body.encode()) + other_bytes


def publish(entries: Sequence[Entry], send: Callable[[list[Entry]], list[Undelivered]]) -> list[Undelivered]:
    """Send entries batch by batch; `send` makes one call, returns what was refused of it and raises Fault.

    After a fault nothing more is tried, and no batch has two events of one order: so no event of an order is published
    before an earlier one that may still get through.
    """
    undelivered: list[Undelivered] = []
    for batch in _batches(entries):
        failed = _deliver(batch, send)
        undelivered += failed
        if not all(each.for_ever for each in failed):
            rest = entries[batch[-1].index + 1 :]
            return undelivered + [Undelivered(entry.index, "not tried", for_ever=False) for entry in rest]
    return undelivered


def _deliver(batch: list[Entry], send: Callable[[list[Entry]], list[Undelivered]]) -> list[Undelivered]:
    pending = {entry.index: entry for entry in batch}
    refused: list[Undelivered] = []
    passing: list[Undelivered] = []
    for _ in range(_ATTEMPTS):
        try:
            failed = send(list(pending.values()))
        except Fault as fault:
            return refused + _after_fault(list(pending.values()), fault, send)
        refused += [each for each in failed if each.for_ever]
        passing = [each for each in failed if not each.for_ever]
        pending = {each.index: pending[each.index] for each in passing}
        if not pending:
            break
    return refused + passing


def _after_fault(
    batch: list[Entry], fault: Fault, send: Callable[[list[Entry]], list[Undelivered]]
) -> list[Undelivered]:
    cause = fault.__cause__
    for_ever = isinstance(cause, ClientError) and cause.response["Error"].get("Code") in CONTENT_ERRORS
    if for_ever and len(batch) > 1:  # one bad event must not take the others with it
        return [each for entry in batch for each in _deliver([entry], send)]
    return [Undelivered(entry.index, str(fault), for_ever=for_ever) for entry in batch]


def _batches(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    for entry in entries:
        full = len(batch) == _ENTRIES_AT_ONCE or sum(each.size for each in batch) + entry.size > _BYTES_AT_ONCE
        if batch and (full or entry.order_id in {each.order_id for each in batch}):
            yield batch
            batch = []
        batch.append(entry)
    if batch:
        yield batch
