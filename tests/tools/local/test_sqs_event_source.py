"""The mapping of a queue to a handler, as Lambda has it, against the engine."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from ordersctl.local.event_sources.invocation import Handler
from ordersctl.local.event_sources.mappings import DeadLetterWatch
from ordersctl.local.event_sources.sqs import QueueMapping
from testkit.waiting import eventually
from tests.tools.local.event_sources import MOST_RECEIVES, QueueSource, bodies, depth_of, failing

pytestmark = pytest.mark.full  # waits for visibility timeouts; no code of the service


def failing_bodies(*bad: str, seen: list[list[str]]) -> Handler:
    def handler(event: Any, _context: Any) -> dict[str, Any]:
        seen.append(bodies(event))
        return failing(*[each["messageId"] for each in event["Records"] if each["body"] in bad])

    return handler


def poll_until(mapping: QueueMapping, seen: Callable[[], bool]) -> None:
    def look() -> bool:
        mapping.poll()
        return seen()

    eventually(look)


def test_a_queue_record_has_what_lambda_puts_in_it(queue: QueueSource) -> None:
    events: list[Any] = []
    attribute: Any = {"DataType": "String", "StringValue": "x"}
    queue.sqs.send_message(QueueUrl=queue.url, MessageBody="hello", MessageAttributes={"a": attribute})

    queue.mapping(lambda event, context: events.append((event, context.get_remaining_time_in_millis()))).poll()

    [(event, remaining)] = events
    [record] = event["Records"]
    assert 14_000 < remaining <= 15_000
    assert record["body"] == "hello"
    assert record["md5OfBody"] == "5d41402abc4b2a76b9719d911017c592"
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"].endswith(queue.url.rpartition("/")[2])
    assert record["awsRegion"] == "us-east-1"
    assert record["messageAttributes"]["a"]["stringValue"] == "x"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert int(record["attributes"]["SentTimestamp"]) / 1000 == pytest.approx(time.time(), abs=10)
    assert record["messageId"]
    assert record["receiptHandle"]


@pytest.mark.parametrize("answer", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}])
def test_a_batch_whose_handler_returns_is_deleted(queue: QueueSource, answer: Any) -> None:
    queue.send("a", "b")
    mapping = queue.mapping(lambda _event, _context: answer)

    mapping.poll()

    poll_until(mapping, lambda: queue.depth() == 0)


def test_only_messages_reported_as_failed_are_redelivered(queue: QueueSource) -> None:
    seen: list[list[str]] = []
    queue.send("good", "bad", "fine")
    mapping = queue.mapping(failing_bodies("bad", seen=seen), window_seconds=1)

    poll_until(mapping, lambda: len([1 for batch in seen if "bad" in batch]) == 2)

    assert sorted(seen[0]) == ["bad", "fine", "good"]
    assert seen[1] == ["bad"]


def test_without_reporting_the_handlers_answer_is_ignored(queue: QueueSource) -> None:
    """Such a mapping loses messages that are only returned: the handler has to raise."""
    seen: list[list[str]] = []
    queue.send("bad")

    queue.mapping(failing_bodies("bad", seen=seen), reports_failures=False).poll()

    assert seen == [["bad"]]
    assert queue.depth() == 0


def test_a_handler_that_raises_deletes_nothing(queue: QueueSource) -> None:
    def handler(_event: Any, _context: Any) -> None:
        raise RuntimeError("no")

    queue.send("a", "b")
    queue.mapping(handler, reports_failures=False, window_seconds=1).poll()

    assert queue.depth() == 2
    assert "RuntimeError: no" in queue.lines[0]


@pytest.mark.parametrize(
    "answer",
    [failing("unknown"), failing(""), {"batchItemFailures": [{}]}, {"batchItemFailures": "x"}, ["x"], "x"],
)
def test_a_report_that_cannot_be_read_fails_the_whole_batch(queue: QueueSource, answer: Any) -> None:
    queue.send("a", "b")
    queue.mapping(lambda _event, _context: answer, window_seconds=1).poll()

    assert queue.depth() == 2


def test_a_handler_that_hangs_fails_its_batch_and_not_the_poller(queue: QueueSource) -> None:
    never = threading.Event()
    queue.send("a")

    queue.mapping(lambda _event, _context: never.wait(30), timeout_seconds=0.2).poll()
    never.set()

    assert queue.depth() == 1
    assert "timed out after 0.2 s" in queue.lines[0]


def test_a_message_that_always_fails_is_counted_and_ends_in_the_dead_letter_queue(queue: QueueSource) -> None:
    counts: list[str] = []

    def handler(event: Any, _context: Any) -> None:
        counts.extend(record["attributes"]["ApproximateReceiveCount"] for record in event["Records"])
        raise RuntimeError("no")

    queue.send("poison")
    mapping = queue.mapping(handler)

    poll_until(mapping, lambda: depth_of(queue.sqs, queue.dead_letters) == 1)

    assert counts == [str(number + 1) for number in range(MOST_RECEIVES)]


def test_what_comes_in_after_the_pause_goes_back_and_is_handled_after_it(queue: QueueSource) -> None:
    paused, seen = [True], []
    mapping = queue.mapping(lambda event, _context: seen.append(bodies(event)), paused=lambda: paused[0])
    queue.send("a")
    assert not mapping.poll()
    assert (seen, queue.depth()) == ([], 1)
    paused[0] = False
    assert mapping.poll(), "it is visible at once, and not only after its visibility timeout"
    assert (seen, queue.depth()) == ([["a"]], 0)


def test_a_batching_window_gathers_the_messages_that_arrive_within_it(queue: QueueSource) -> None:
    seen: list[list[str]] = []
    queue.send("first")
    mapping = queue.mapping(failing_bodies(seen=seen), window_seconds=2, batch_size=3)
    later = threading.Timer(0.5, queue.send, ("second", "third"))
    later.start()

    mapping.poll()  # a full batch does not wait for the window's end
    later.join()

    assert sorted(body for batch in seen for body in batch) == ["first", "second", "third"]
    assert len(seen) == 1


def test_a_batch_may_be_larger_than_one_receive(queue: QueueSource) -> None:
    seen: list[list[str]] = []
    queue.send(*[str(number) for number in range(25)])

    queue.mapping(failing_bodies(seen=seen), window_seconds=2, batch_size=25).poll()

    assert [len(batch) for batch in seen] == [25]
    assert queue.depth() == 0


def test_dead_letters_that_a_command_has_looked_at_are_not_reported_again(queue: QueueSource) -> None:
    queue.sqs.send_message(QueueUrl=queue.dead_letters, MessageBody="a")
    watch = DeadLetterWatch(queue.sqs, queue.dead_letters, queue.lines.append)
    watch.look()
    held = queue.sqs.receive_message(QueueUrl=queue.dead_letters)["Messages"][0]["ReceiptHandle"]
    watch.look()
    queue.sqs.change_message_visibility(QueueUrl=queue.dead_letters, ReceiptHandle=held, VisibilityTimeout=0)
    watch.look()
    queue.sqs.send_message(QueueUrl=queue.dead_letters, MessageBody="b")
    watch.look()
    name = queue.dead_letters.rpartition("/")[2]
    assert queue.lines == [f"quarantined: 1 more in {name} (1 now)", f"quarantined: 1 more in {name} (2 now)"]
