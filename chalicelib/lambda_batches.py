"""Going through a batch: a queue's messages each on its own, a stream's records in order.

The one broad `except` of this service is here: whatever happens to one message or record must not touch the others.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, TypeVar

logger = logging.getLogger("orders")

WORKERS = 8  # measured: more threads make 100 conditional puts no faster
_SPARE_MS = 1_000  # what is left for answering when the deadline is near

ThingT = TypeVar("ThingT")
Report = dict[str, list[dict[str, str]]]


class BatchFailed(Exception):
    """Some of a batch was not done, and raising is the only way to say so to a mapping that reads no answer."""


def each(
    things: Sequence[ThingT], handle: Callable[[ThingT], None], *, remaining_ms: Callable[[], float]
) -> list[ThingT]:
    """Handle things concurrently; returns those that failed or were not done in time, in their order."""
    pool = ThreadPoolExecutor(max_workers=min(WORKERS, len(things) or 1))
    futures = [pool.submit(_done, thing, handle, remaining_ms) for thing in things]
    # A call that hangs is not waited for: what it may still do is safe to repeat.
    wait(futures, timeout=max(0.0, (remaining_ms() - _SPARE_MS / 2) / 1_000))
    pool.shutdown(wait=False, cancel_futures=True)
    return [
        thing
        for thing, future in zip(things, futures, strict=True)
        if future.cancelled() or not future.done() or not future.result()
    ]


def in_order(
    things: Sequence[ThingT],
    handle: Callable[[Sequence[ThingT]], int],
    *,
    remaining_ms: Callable[[], float],
    at_once: int = 10,
) -> ThingT | None:
    """Handle things in steps of `at_once`; `handle` says how many it got done. Returns the first that was not done."""
    for start in range(0, len(things), at_once):
        step = things[start : start + at_once]
        if remaining_ms() < _SPARE_MS:
            return step[0]
        try:
            done = handle(step)
        except Exception:  # the broad one: an unforeseen error stops the shard here, and loses nothing
            logger.exception("records.failed")
            return step[0]
        if done < len(step):
            return step[done]
    return None


def settle_messages(
    messages: Sequence[Mapping[str, Any]],
    failed: Sequence[Mapping[str, Any]],
    *,
    reporting: bool,
    delete: Callable[[Sequence[str]], None],
) -> Report | None:
    """Tell SQS's event source mapping what was not done, in the way it understands. Raises BatchFailed."""
    if reporting:
        return {"batchItemFailures": [{"itemIdentifier": message["messageId"]} for message in failed]}
    if not failed:
        return None
    failed_ids = {message["messageId"] for message in failed}
    delete([each["receiptHandle"] for each in messages if each["messageId"] not in failed_ids])
    raise BatchFailed(f"{len(failed)} of {len(messages)} messages failed; the others are off the queue")


def settle_records(first_failed: Mapping[str, Any] | None, *, reporting: bool) -> Report | None:
    """Tell a stream's event source mapping where to go on. Raises BatchFailed: the whole batch comes again then."""
    if first_failed is None:
        return {"batchItemFailures": []} if reporting else None
    sequence_number = first_failed["dynamodb"]["SequenceNumber"]
    if not reporting:
        raise BatchFailed(f"stopped at record {sequence_number}")
    return {"batchItemFailures": [{"itemIdentifier": sequence_number}]}


def _done(thing: ThingT, handle: Callable[[ThingT], None], remaining_ms: Callable[[], float]) -> bool:
    if remaining_ms() < _SPARE_MS:
        return False
    try:
        handle(thing)
    except Exception:  # the broad one: an unforeseen error fails this message alone
        logger.exception("message.failed")
        return False
    return True
