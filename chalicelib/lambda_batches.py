"""Batches of Lambda's event source mappings: a queue's messages each on its own, a stream's records in order.

This service's only broad `except` clauses are here: an error with one message or record must not affect the others.
"""

import logging
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import Any, TypeVar

logger = logging.getLogger("orders")

WORKERS = 8  # measured: 100 conditional puts are no faster with more threads
_SPARE_MS = 1_000  # milliseconds before the deadline, left free for the response
_MOST_KEPT = 0.75  # share of the time left when the batch starts

ThingT = TypeVar("ThingT")
Report = dict[str, list[dict[str, str]]]


class BatchFailed(Exception):
    """Part of a batch failed. Raised when the event source mapping does not read `batchItemFailures`."""


def each(
    things: Sequence[ThingT],
    handle: Callable[[ThingT], None],
    *,
    remaining_ms: Callable[[], float],
    longest_ms: float,
    group_of: Callable[[ThingT], Hashable] = lambda _thing: None,
) -> list[ThingT]:
    """Handle things concurrently; returns, in their order, those that failed or were not finished in time.

    Things of one group (None is no group) are handled one after another, up to the first that fails.
    Nothing is started when less than `longest_ms`, the longest one item can take, is left.
    """
    groups: dict[Hashable, list[int]] = {}
    for index, thing in enumerate(things):
        groups.setdefault(index if (group := group_of(thing)) is None else group, []).append(index)
    kept_ms = _kept_ms(remaining_ms(), longest_ms)
    done: set[int] = set()

    def handle_group(indexes: list[int]) -> None:
        for index in indexes:
            if remaining_ms() < kept_ms or not _succeeds(handle, things[index]):
                return
            done.add(index)

    pool = ThreadPoolExecutor(max_workers=min(WORKERS, len(groups) or 1))
    futures = [pool.submit(copy_context().run, handle_group, indexes) for indexes in groups.values()]
    # Do not wait for a call that hangs: whether or not it takes effect later, its message is safe to process again.
    wait(futures, timeout=max(0.0, (remaining_ms() - _SPARE_MS / 2) / 1_000))
    pool.shutdown(wait=False, cancel_futures=True)
    done = done.copy()  # a thread that finishes after this moment changes nothing in the response
    return [thing for index, thing in enumerate(things) if index not in done]


def in_order(
    things: Sequence[ThingT],
    handle: Callable[[Sequence[ThingT]], int],
    *,
    remaining_ms: Callable[[], float],
    longest_ms: float,
    at_once: int = 10,
) -> ThingT | None:
    """Handle things in steps of `at_once`; `handle` returns how many of a step it finished.

    Returns the first unfinished thing.

    No step is started when less than `longest_ms`, the longest one call of a step can take, is left.
    """
    kept_ms = _kept_ms(remaining_ms(), longest_ms)
    for start in range(0, len(things), at_once):
        step = things[start : start + at_once]
        if remaining_ms() < kept_ms:
            return step[0]
        try:
            done = handle(step)
        except Exception:  # a bug in `handle` stops the shard at this record, and no record is lost
            logger.exception("records.failed")
            return step[0]
        if done < len(step):
            return step[done]
    return None


def _kept_ms(remaining_ms: float, longest_ms: float) -> float:
    """How much time must be left to start something.

    At least a quarter of the time is used for work, however short the timeout.
    """
    return max(_SPARE_MS, min(longest_ms + _SPARE_MS, remaining_ms * _MOST_KEPT))


def sqs_response(
    messages: Sequence[Mapping[str, Any]],
    failed: Sequence[Mapping[str, Any]],
    *,
    report_failures: bool,
    delete: Callable[[Sequence[str]], None],
) -> Report | None:
    """The response to an SQS mapping: the failed messages are delivered again, the others are deleted.

    `report_failures` is whether the mapping reads the response (ReportBatchItemFailures). Without it, this function
    deletes the other messages itself and raises BatchFailed.
    """
    if report_failures:
        return {"batchItemFailures": [{"itemIdentifier": message["messageId"]} for message in failed]}
    if not failed:
        return None
    failed_ids = {message["messageId"] for message in failed}
    delete([each["receiptHandle"] for each in messages if each["messageId"] not in failed_ids])
    raise BatchFailed(f"{len(failed)} of {len(messages)} messages failed; the others are off the queue")


def stream_response(first_failed: Mapping[str, Any] | None, *, report_failures: bool) -> Report | None:
    """The response to a stream mapping: the record at which it continues.

    If the mapping does not read the response, this raises BatchFailed, and the whole batch is delivered again.
    """
    if first_failed is None:
        return {"batchItemFailures": []} if report_failures else None
    sequence_number = first_failed["dynamodb"]["SequenceNumber"]
    if not report_failures:
        raise BatchFailed(f"stopped at record {sequence_number}")
    return {"batchItemFailures": [{"itemIdentifier": sequence_number}]}


def _succeeds(handle: Callable[[ThingT], None], thing: ThingT) -> bool:
    try:
        handle(thing)
    except Exception:  # a bug in `handle` fails this message alone, or the rest of its group
        logger.exception("message.failed")
        return False
    return True
