"""The mapping of a table's stream to a handler, as Lambda has it, against the engine."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ordersctl.local.event_sources.dynamodb_streams import ShardMapping, ShardPoller
from ordersctl.shared.streams import Checkpoints, lambda_record
from tests.tools.local.event_sources import TableSource, failing, ids

pytestmark = pytest.mark.full  # no code of the service


def polled(mapping: ShardMapping) -> None:
    """Poll until no record is left."""
    for _ in range(200):
        if not mapping.poll():
            return
    pytest.fail("the shard does not advance")


def test_a_stream_record_has_what_lambda_puts_in_it(table: TableSource) -> None:
    events: list[Any] = []
    table.put("a")

    polled(table.mapping(lambda event, _context: events.append(event)))

    [event] = events
    [record] = event["Records"]
    assert record["eventName"] == "INSERT"
    assert record["eventSource"] == "aws:dynamodb"
    assert record["eventSourceARN"] == table.stream_arn
    assert record["awsRegion"] == "us-east-1"
    assert record["eventID"]
    assert record["eventVersion"]
    assert record["dynamodb"]["Keys"] == {"id": {"S": "a"}}
    assert record["dynamodb"]["NewImage"] == {"id": {"S": "a"}, "blob": {"B": "AP8="}}
    assert record["dynamodb"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert record["dynamodb"]["SequenceNumber"]
    assert record["dynamodb"]["ApproximateCreationDateTime"] == pytest.approx(time.time(), abs=10)


def test_binary_values_are_base64_however_deep() -> None:
    record = {"dynamodb": {"NewImage": {"m": {"M": {"s": {"BS": [b"\x00", b"\xff"]}, "n": {"NULL": True}}}}}}

    assert lambda_record(record, "arn") == {
        "dynamodb": {"NewImage": {"m": {"M": {"s": {"BS": ["AA==", "/w=="]}, "n": {"NULL": True}}}}},
        "eventSourceARN": "arn",
    }


class Clock(threading.Event):
    """Seconds that pass only while something waits."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds += timeout or 0
        return self.is_set()


def test_an_idle_stream_is_read_less_often_until_records_come(table: TableSource) -> None:
    mapping, clock = table.mapping(lambda *_: None), Clock()
    mapping.stopping = clock
    poller = ShardPoller(mapping, now=lambda: clock.seconds)

    def pause() -> float:
        before = clock.seconds
        poller.poll()
        return clock.seconds - before

    assert pause() == 0.25
    table.put("a")
    assert pause() == 0
    for _ in range(200):
        assert pause() == pytest.approx(0.05)
    clock.seconds += 0.05
    assert pause() == pytest.approx(0.25)


def test_a_stream_continues_after_its_checkpoint(table: TableSource) -> None:
    seen: list[list[str]] = []
    table.put("a", "b")
    polled(table.mapping(lambda event, _context: seen.append(ids(event))))
    table.put("c")

    polled(table.mapping(lambda event, _context: seen.append(ids(event))))

    assert seen == [["a", "b"], ["c"]]


def test_a_checkpoint_of_another_stream_is_ignored(table: TableSource, tmp_path: Path) -> None:
    Checkpoints(tmp_path / "checkpoints.json", "another").set("shard", "1")

    assert Checkpoints(tmp_path / "checkpoints.json", table.stream_arn).get("shard") is None


def test_the_first_reported_failure_stops_the_shard_there_until_it_succeeds(table: TableSource) -> None:
    seen: list[list[str]] = []

    def handler(event: Any, _context: Any) -> dict[str, Any]:
        seen.append(ids(event))
        numbers = {
            each: record["dynamodb"]["SequenceNumber"]
            for each, record in zip(ids(event), event["Records"], strict=True)
        }
        bad = [each for each in ("d", "b") if each in numbers and len(seen) < 3]
        return failing(*[numbers[each] for each in bad])

    table.put("a", "b", "c", "d")
    polled(table.mapping(handler))

    assert seen == [["a", "b", "c", "d"], ["b", "c", "d"], ["b", "c", "d"]]
    assert table.discarded == []


@pytest.mark.parametrize("answer", [failing("unknown"), failing(""), "x"])
def test_a_report_that_cannot_be_read_moves_no_checkpoint(table: TableSource, answer: Any) -> None:
    table.put("a")
    mapping = table.mapping(lambda _event, _context: answer)

    mapping.poll()

    assert not table.checkpoints.exists()


def test_without_reporting_only_raising_stops_the_shard(table: TableSource) -> None:
    seen: list[list[str]] = []

    def handler(event: Any, _context: Any) -> dict[str, Any]:
        seen.append(ids(event))
        if len(seen) == 1:
            raise RuntimeError("no")
        return failing(event["Records"][0]["dynamodb"]["SequenceNumber"])

    table.put("a")
    polled(table.mapping(handler, reports_failures=False))

    assert seen == [["a"], ["a"]]


def test_a_record_that_always_fails_is_isolated_reported_and_skipped(table: TableSource) -> None:
    handled: list[str] = []
    attempts: list[str] = []

    def handler(event: Any, _context: Any) -> None:
        attempts.append(ids(event)[0])
        if "bad" in ids(event):
            raise RuntimeError("no")
        handled.extend(ids(event))

    table.put("a", "b", "bad", "c", "d")
    polled(table.mapping(handler, maximum_retry_attempts=3))

    assert handled == ["a", "b", "c", "d"]  # each once, in order
    assert attempts.count("bad") == 4
    [metadata] = table.discarded
    batch = metadata["DDBStreamBatchInfo"]
    assert metadata["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert metadata["requestContext"]["approximateInvokeCount"] == 4
    assert batch["streamArn"] == table.stream_arn
    assert batch["startSequenceNumber"] == batch["endSequenceNumber"]
    assert batch["batchSize"] == 1


def test_a_record_that_is_always_reported_is_skipped_too(table: TableSource) -> None:
    handled: list[str] = []

    def handler(event: Any, _context: Any) -> dict[str, Any]:
        for each, record in zip(ids(event), event["Records"], strict=True):
            if each == "bad":
                return failing(record["dynamodb"]["SequenceNumber"])
            handled.append(each)
        return failing()

    table.put("a", "bad", "b")
    polled(table.mapping(handler, maximum_retry_attempts=2))

    assert handled == ["a", "b"]
    assert len(table.discarded) == 1
