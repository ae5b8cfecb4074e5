"""Batches: each message on its own, records in order up to the first failure, and a correct response in time."""

import logging
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from chalicelib import lambda_batches
from chalicelib.lambda_batches import BatchFailed


def in_time() -> float:
    return 15_000


def fails_on(*bad: Any) -> Any:
    def handle(thing: Any) -> None:
        if thing in bad:
            raise ValueError(thing)

    return handle


def messages(count: int) -> list[dict[str, str]]:
    return [{"messageId": f"m{n}", "receiptHandle": f"h{n}"} for n in range(count)]


def record(number: int) -> dict[str, Any]:
    return {"dynamodb": {"SequenceNumber": str(number)}}


def test_every_thing_is_handled_and_only_failures_are_returned() -> None:
    seen: list[int] = []
    lock = threading.Lock()

    def handle(thing: int) -> None:
        with lock:
            seen.append(thing)
        fails_on(3, 7)(thing)

    assert lambda_batches.each(range(10), handle, remaining_ms=in_time, longest_ms=0) == [3, 7]
    assert sorted(seen) == list(range(10))


def test_a_message_is_handled_in_the_context_of_its_invocation() -> None:
    """Log lines of a worker thread name the invocation that they belong to."""
    invocation = ContextVar("invocation", default="none")
    invocation.set("request-1")
    seen: list[str] = []
    lambda_batches.each([1], lambda _: seen.append(invocation.get()), remaining_ms=in_time, longest_ms=0)
    assert seen == ["request-1"]


def test_an_empty_batch_has_no_failures() -> None:
    assert lambda_batches.each([], fails_on(), remaining_ms=in_time, longest_ms=0) == []
    assert lambda_batches.in_order([], len, remaining_ms=in_time, longest_ms=0) is None


def test_messages_are_handled_concurrently() -> None:
    together = threading.Barrier(lambda_batches.WORKERS, timeout=10)

    def handle(_thing: int) -> None:
        together.wait()

    assert lambda_batches.each(range(lambda_batches.WORKERS), handle, remaining_ms=in_time, longest_ms=0) == []


def test_without_time_no_message_is_begun() -> None:
    seen: list[int] = []
    assert lambda_batches.each([1, 2], seen.append, remaining_ms=lambda: 900, longest_ms=0) == [1, 2]
    assert seen == []


def test_without_time_no_step_is_begun() -> None:
    steps: list[int] = []

    def handle(step: Any) -> int:
        steps.extend(step)
        return len(step)

    assert lambda_batches.in_order([1, 2], handle, remaining_ms=lambda: 900, longest_ms=0) == 1
    assert steps == []


def test_a_message_that_hangs_is_returned_before_the_deadline() -> None:
    release = threading.Event()

    def handle(thing: int) -> None:
        if thing == 1:
            release.wait(30)

    try:
        failed = lambda_batches.each([1, 2], handle, remaining_ms=lambda: 1_100, longest_ms=0)
        assert failed == [1]
    finally:
        release.set()


def test_order_is_kept_and_the_first_failure_stops() -> None:
    steps: list[list[int]] = []

    def handle(step: Any) -> int:
        steps.append(list(step))
        return len(step) if 14 not in step else list(step).index(14)

    assert lambda_batches.in_order(list(range(25)), handle, remaining_ms=in_time, longest_ms=0) == 14
    assert steps == [list(range(10)), list(range(10, 20))]


def test_without_a_failure_no_record_is_returned() -> None:
    assert lambda_batches.in_order(list(range(25)), len, remaining_ms=in_time, longest_ms=0) is None


def test_an_unexpected_error_stops_at_the_start_of_its_step() -> None:
    def handle(step: Any) -> int:
        fails_on(10)(step[0])
        return len(step)

    assert lambda_batches.in_order(list(range(25)), handle, remaining_ms=in_time, longest_ms=0) == 10


def test_time_that_runs_out_stops_between_steps() -> None:
    left = iter([15_000.0, 15_000.0, 15_000.0, 500.0])
    assert lambda_batches.in_order(list(range(30)), len, remaining_ms=lambda: next(left), longest_ms=0) == 20


def test_a_group_is_handled_in_order_and_stops_at_its_first_failure() -> None:
    seen: list[str] = []
    lock = threading.Lock()

    def handle(thing: str) -> None:
        with lock:
            seen.append(thing)
        fails_on("a2", "b1")(thing)

    things = ["a1", "b1", "a2", "c1", "a3", "b2", "c2"]
    failed = lambda_batches.each(
        things, handle, remaining_ms=in_time, longest_ms=0, group_of=lambda thing: None if "c" in thing else thing[0]
    )
    assert failed == ["b1", "a2", "a3", "b2"]
    assert [each for each in seen if each.startswith("a")] == ["a1", "a2"]
    assert sorted(seen) == ["a1", "a2", "b1", "c1", "c2"]


def test_things_that_a_group_finished_before_it_hung_count_as_done() -> None:
    release = threading.Event()

    def handle(thing: int) -> None:
        if thing == 2:
            release.wait(30)

    try:
        failed = lambda_batches.each(
            [1, 2, 3], handle, remaining_ms=lambda: 1_100, longest_ms=0, group_of=lambda _thing: "one"
        )
        assert failed == [2, 3]
    finally:
        release.set()


def test_no_step_is_begun_that_may_take_longer_than_what_is_left() -> None:
    left = iter([60_000.0, 60_000.0, 10_601.0, 10_599.0])
    assert lambda_batches.in_order(list(range(30)), len, remaining_ms=lambda: next(left), longest_ms=9_600) == 20


def test_no_message_is_begun_that_may_take_longer_than_what_is_left() -> None:
    left = iter([15_000.0, 10_601.0, 10_599.0, 10_599.0])
    begun: list[int] = []
    assert lambda_batches.each([1, 2], begun.append, remaining_ms=lambda: next(left), longest_ms=9_600) == [2]
    assert begun == [1]


def test_with_a_timeout_shorter_than_a_call_a_quarter_of_it_is_used_for_work() -> None:
    left = iter([8_000.0, 8_000.0, 6_001.0, 5_999.0])
    assert lambda_batches.in_order(list(range(30)), len, remaining_ms=lambda: next(left), longest_ms=9_600) == 20


def test_a_mapping_that_reads_reports_gets_the_failed_messages() -> None:
    all_of_them = messages(3)
    report = lambda_batches.sqs_response(all_of_them, [all_of_them[1]], report_failures=True, delete=fails_on())
    assert report == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert lambda_batches.sqs_response(all_of_them, [], report_failures=True, delete=fails_on()) == {
        "batchItemFailures": []
    }


def test_without_reports_processed_messages_are_deleted_and_the_failure_is_raised() -> None:
    deleted: list[Any] = []
    all_of_them = messages(3)
    with pytest.raises(BatchFailed, match="1 of 3"):
        lambda_batches.sqs_response(all_of_them, [all_of_them[1]], report_failures=False, delete=deleted.append)
    assert deleted == [["h0", "h2"]]


def test_without_reports_lambda_deletes_a_batch_without_failures() -> None:
    assert lambda_batches.sqs_response(messages(3), [], report_failures=False, delete=fails_on()) is None


def test_a_stream_mapping_gets_the_record_to_continue_from() -> None:
    assert lambda_batches.stream_response(record(7), report_failures=True) == {
        "batchItemFailures": [{"itemIdentifier": "7"}]
    }
    assert lambda_batches.stream_response(None, report_failures=True) == {"batchItemFailures": []}
    assert lambda_batches.stream_response(None, report_failures=False) is None
    with pytest.raises(BatchFailed, match="7"):
        lambda_batches.stream_response(record(7), report_failures=False)


class Messages(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.logged: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.logged.append(record.getMessage())


@pytest.fixture
def logged() -> Iterator[list[str]]:
    handler, logger = Messages(), logging.getLogger("orders")
    logger.addHandler(handler)
    yield handler.logged
    logger.removeHandler(handler)


def test_an_unexpected_error_is_logged_as_an_event(logged: list[str]) -> None:
    def fails(_thing: object) -> int:
        raise ValueError("a value")

    def fails_alone(thing: str) -> None:
        fails(thing)

    lambda_batches.each(["a"], fails_alone, remaining_ms=in_time, longest_ms=0)
    lambda_batches.in_order(["a"], fails, remaining_ms=in_time, longest_ms=0)
    assert logged == ["message.failed", "records.failed"]


def test_with_a_second_left_work_is_started() -> None:
    assert lambda_batches.each(["a"], lambda _thing: None, remaining_ms=lambda: 1_000, longest_ms=0) == []
    assert lambda_batches.in_order(["a"], len, remaining_ms=lambda: 1_000, longest_ms=0) is None


def hanging(remaining_ms: int) -> tuple[list[int], int, float]:
    """Let 20 things hang; returns the unfinished ones, how many were begun, and how long `each` took (seconds)."""
    release, begun = threading.Event(), []

    def hang(thing: int) -> None:
        begun.append(thing)
        release.wait(5)

    def clock() -> float:  # the threads have time enough, the main thread that waits for them has not
        return remaining_ms if threading.current_thread() is threading.main_thread() else 9_000

    started = time.monotonic()
    others = set(threading.enumerate())
    failed = lambda_batches.each(list(range(20)), hang, remaining_ms=clock, longest_ms=0)
    took = time.monotonic() - started
    release.set()
    for thread in set(threading.enumerate()) - others:
        thread.join()
    return failed, len(begun), took


def test_things_that_wait_behind_one_that_hangs_are_not_begun() -> None:
    failed, begun, took = hanging(remaining_ms=600)
    assert failed == list(range(20))
    assert begun <= lambda_batches.WORKERS
    assert took < 0.9


def test_waiting_ends_half_a_second_before_the_deadline() -> None:
    _, _, took = hanging(remaining_ms=900)
    assert 0.39 < took < 0.9
