"""Publishing: records of the table's stream become events."""

import logging
from collections.abc import Sequence
from typing import Any

from chalicelib import logs
from chalicelib.adapters import stream_records
from chalicelib.adapters.publishing import Publisher
from chalicelib.adapters.queues import DeadLetterQueue
from chalicelib.adapters.stream_records import StreamRecord
from chalicelib.domain import clock, events
from chalicelib.domain.errors import Poison
from chalicelib.domain.events import OrderEvent


def publish_changes(
    records: Sequence[StreamRecord], *, source: str, publisher: Publisher, dead_letters: DeadLetterQueue
) -> int:
    """Publish the events of stream records in their order; returns how many records, from the first on, are done.

    A record that can never be published goes to the dead-letter queue, and is done. Raises Fault.
    """
    found: list[tuple[int, OrderEvent]] = []  # with the index of the event's record
    for index, record in enumerate(records):
        try:
            event = events.between(*stream_records.images(record), source=source)
        except Poison as poison:
            _quarantine(record, str(poison), dead_letters)
            continue
        if event is not None:
            found.append((index, event))
    undelivered = {each.index: each for each in publisher.publish([event for _, event in found])}
    for number, (index, event) in enumerate(found):
        failure = undelivered.get(number)
        if failure is None:
            age = clock.milliseconds_since(event.time)
            logs.log("event.published", published_after_ms=age, **_details(event))
        elif failure.permanent:
            _quarantine(records[index], failure.reason, dead_letters)
        else:
            # Later events that were delivered are published again with this one, under the same event ids.
            logs.log("publish.failed", level=logging.WARNING, reason=failure.reason, **_details(event))
            return index
    return len(records)


def _quarantine(record: StreamRecord, reason: str, dead_letters: DeadLetterQueue) -> None:
    event_id = stream_records.event_id(record)
    dead_letters.quarantine(stream_records.to_json(record), reason=reason, source=event_id)
    logs.log("record.quarantined", level=logging.ERROR, reason=reason, stream_event_id=event_id)


def _details(event: OrderEvent) -> dict[str, Any]:
    return {
        "type": event.type,
        "version": int(event.sequence),
        "order_id": event.subject,
        "correlation_id": event.correlationid,
        "traceparent": event.traceparent,
    }
