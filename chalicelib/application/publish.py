"""Publishing: records of the table's stream become events."""

import functools
import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from chalicelib import lambda_batches, logs
from chalicelib.adapters import stream_records
from chalicelib.adapters.publishing import Publisher
from chalicelib.adapters.queues import DeadLetterQueue
from chalicelib.adapters.stream_records import StreamRecord
from chalicelib.domain import clock, events
from chalicelib.domain.errors import Fault, Poison
from chalicelib.domain.events import OrderEvent


class PoisonRecord(NamedTuple):
    record: StreamRecord
    reason: str  # why it can never be published


def publish_batch(
    records: Sequence[StreamRecord],
    *,
    source: str,
    publisher: Publisher,
    dead_letters: DeadLetterQueue,
    remaining_ms: Callable[[], float],
    longest_ms: float,
    report_failures: bool,
) -> StreamRecord | None:
    """Publish the events of a batch; returns the first record that was not finished.

    `remaining_ms` and `longest_ms`: lambda_batches.in_order. `report_failures`: whether a retry begins at that record;
    without it, a retry begins at the batch's first record.
    """
    poison: list[PoisonRecord] = []
    handle = functools.partial(publish_changes, source=source, publisher=publisher, poison=poison)
    failed = lambda_batches.in_order(records, handle, remaining_ms=remaining_ms, longest_ms=longest_ms)
    if failed is None or report_failures:  # otherwise the whole batch is delivered again, with its poison records
        failed = quarantine(poison, dead_letters) or failed
    return failed


def publish_changes(
    records: Sequence[StreamRecord], *, source: str, publisher: Publisher, poison: list[PoisonRecord]
) -> int:
    """Publish the events of stream records in their order; returns how many records, from the first on, are done.

    Quiet records of an import have no event.
    A record that can never be published is done, and added to `poison`: for `quarantine`, when its batch is done too.
    """
    reasons: dict[int, str] = {}  # why the record at an index can never be published
    found: list[tuple[int, OrderEvent]] = []  # with the index of the event's record
    for index, record in enumerate(records):
        try:
            event = events.between(*stream_records.images(record), source=source)
        except Poison as unreadable:
            reasons[index] = str(unreadable)
            continue
        if event is not None and not stream_records.is_quiet(record):
            found.append((index, event))
    done = len(records)
    undelivered = {each.index: each for each in publisher.publish([event for _, event in found])}
    for number, (index, event) in enumerate(found):
        failure = undelivered.get(number)
        if failure is None:
            logs.log("event.published", **_age(event, records[index]), **_details(event))
        elif failure.permanent:
            reasons[index] = failure.reason
        else:
            # Events after this one that were delivered are published again with it, under the same event ids.
            logs.log("publish.failed", level=logging.WARNING, reason=failure.reason, **_details(event))
            done = index
            break
    poison += [PoisonRecord(records[index], reasons[index]) for index in sorted(reasons) if index < done]
    return done


def quarantine(poison: Sequence[PoisonRecord], dead_letters: DeadLetterQueue) -> StreamRecord | None:
    """Send records to the dead-letter queue in their order; returns the first that could not be sent.

    Call it only when these records will not be delivered again: each retry would quarantine them once more.
    """
    for record, reason in poison:
        event_id = stream_records.event_id(record)
        try:
            dead_letters.quarantine(stream_records.to_json(record), reason=reason, source=event_id)
        except Fault:
            logs.logger.exception("records.failed", extra={"stream_event_id": event_id})
            return record
        logs.log("record.quarantined", level=logging.ERROR, reason=reason, stream_event_id=event_id)
    return None


def _age(event: OrderEvent, record: StreamRecord) -> dict[str, Any]:
    """How long ago the change was: a metric, to which an import's times of years ago do not belong."""
    if stream_records.is_imported(record):
        return {}
    return {"published_after_ms": clock.milliseconds_since(event.time)}


def _details(event: OrderEvent) -> dict[str, Any]:
    return {
        "type": event.type,
        "version": int(event.sequence),
        "order_id": event.subject,
        "correlation_id": event.correlationid,
        "traceparent": event.traceparent,
    }
