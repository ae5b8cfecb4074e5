"""Publishing events in batches, to a topic or an event bus: limits, retries, and which failures are permanent."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import ClientError

from chalicelib.domain.errors import Fault
from chalicelib.domain.events import OrderEvent

# PublishBatch and PutEvents take ten entries. 256 KiB in all is the limit of SNS. EventBridge takes more, but an event
# should be thin on both or on neither.
_BATCH_ENTRIES = 10
_BATCH_BYTES = 256 * 1024
_ATTEMPTS = 3
# Error codes for an event that would be refused at every attempt. The causes of all other codes (throttling,
# permissions, keys) may be gone at the next attempt.
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
    index: int  # of the event, in the list passed to `publish`
    reason: str
    permanent: bool  # publishing the same event again would fail again


@dataclass(frozen=True, slots=True)
class Entry:
    index: int  # of the event, in the list passed to `publish`
    order_id: str
    content: Any  # in the form that the AWS operation takes
    size: int  # bytes, as AWS counts them


class Publisher(Protocol):
    def publish(self, events: Sequence[OrderEvent]) -> list[Undelivered]:
        """Publish events in their order; returns those that were not delivered. Stops at the first fault."""


def fitting(event: OrderEvent, other_bytes: int) -> tuple[str, int]:
    """The event as JSON, thin if it is too large, and its size with `other_bytes` (attributes, names)."""
    body = event.to_json()
    if len(body.encode()) + other_bytes > _BATCH_BYTES:
        body = event.thin().to_json()
    return body, len(body.encode()) + other_bytes


def publish(entries: Sequence[Entry], send: Callable[[list[Entry]], list[Undelivered]]) -> list[Undelivered]:
    """Send entries batch by batch; `send` makes one call, returns the entries that failed and raises Fault.

    Nothing is sent after a temporary failure, and no batch has two events of one order. So no event of an order is
    published before an earlier one that can still be delivered.
    """
    undelivered: list[Undelivered] = []
    for batch in _batches(entries):
        failed = _deliver(batch, send)
        undelivered += failed
        if not all(each.permanent for each in failed):
            rest = entries[batch[-1].index + 1 :]
            return undelivered + [Undelivered(entry.index, "not tried", permanent=False) for entry in rest]
    return undelivered


def _deliver(batch: list[Entry], send: Callable[[list[Entry]], list[Undelivered]]) -> list[Undelivered]:
    pending = {entry.index: entry for entry in batch}
    permanent: list[Undelivered] = []
    temporary: list[Undelivered] = []
    for _ in range(_ATTEMPTS):
        try:
            failed = send(list(pending.values()))
        except Fault as fault:
            return permanent + _after_fault(list(pending.values()), fault, send)
        permanent += [each for each in failed if each.permanent]
        temporary = [each for each in failed if not each.permanent]
        pending = {each.index: pending[each.index] for each in temporary}
        if not pending:
            break
    return permanent + temporary


def _after_fault(
    batch: list[Entry], fault: Fault, send: Callable[[list[Entry]], list[Undelivered]]
) -> list[Undelivered]:
    cause = fault.__cause__
    permanent = isinstance(cause, ClientError) and cause.response["Error"].get("Code") in CONTENT_ERRORS
    if permanent and len(batch) > 1:  # the call failed because of one event: send each alone to find it
        return [each for entry in batch for each in _deliver([entry], send)]
    return [Undelivered(entry.index, str(fault), permanent=permanent) for entry in batch]


def _batches(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    for entry in entries:
        full = len(batch) == _BATCH_ENTRIES or sum(each.size for each in batch) + entry.size > _BATCH_BYTES
        if batch and (full or entry.order_id in {each.order_id for each in batch}):
            yield batch
            batch = []
        batch.append(entry)
    if batch:
        yield batch
