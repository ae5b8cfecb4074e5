"""Event source mappings against the engine: what Lambda does with a queue and with a table's stream."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from ordersctl.engine import client_options
from ordersctl.invocation import Function, Handler
from ordersctl.queue_mapping import QueueMapping
from ordersctl.stream_mapping import Checkpoints, ShardMapping, lambda_record
from tests.conftest import PROJECT_DIR, eventually

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient
    from mypy_boto3_sqs import SQSClient

VISIBILITY_SECONDS = 1
MOST_RECEIVES = 2


class Queue:
    """A queue with a dead-letter queue, and a mapping of it to any handler."""

    def __init__(self, sqs: "SQSClient") -> None:
        self.sqs = sqs
        name = f"q-{uuid.uuid4().hex}"
        self.dead_letters = sqs.create_queue(QueueName=f"{name}-dlq")["QueueUrl"]
        redrive = {"deadLetterTargetArn": self._arn(self.dead_letters), "maxReceiveCount": MOST_RECEIVES}
        attributes = {"VisibilityTimeout": str(VISIBILITY_SECONDS), "RedrivePolicy": json.dumps(redrive)}
        self.url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.lines: list[str] = []

    def mapping(self, handler: Handler, *, reports_failures: bool = True, **more: Any) -> QueueMapping:
        timeout_seconds = more.pop("timeout_seconds", 15)
        return QueueMapping(
            sqs=self.sqs,
            queue_url=self.url,
            queue_arn=self._arn(self.url),
            function=Function("handler", handler, reports_failures, timeout_seconds),
            report=self.lines.append,
            wait_seconds=more.pop("wait_seconds", 1),
            **more,
        )

    def send(self, *bodies: str) -> None:
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def depth(self) -> int:
        """Messages waiting and in flight."""
        return _depth(self.sqs, self.url)

    def _arn(self, url: str) -> str:
        answer = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return answer["Attributes"]["QueueArn"]


def _depth(sqs: "SQSClient", url: str) -> int:
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return int(answer["ApproximateNumberOfMessages"]) + int(answer["ApproximateNumberOfMessagesNotVisible"])


class Table:
    """A table with a stream, and a mapping of its one shard to any handler."""

    def __init__(self, engine_url: str, directory: Path) -> None:
        options = client_options(engine_url)
        self.dynamodb: DynamoDBClient = boto3.client("dynamodb", **options)
        self.streams: DynamoDBStreamsClient = boto3.client("dynamodbstreams", **options)
        self.name = f"t-{uuid.uuid4().hex}"
        self.checkpoints = directory / "checkpoints.json"
        table = self.dynamodb.create_table(
            TableName=self.name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )["TableDescription"]
        self.stream_arn = table["LatestStreamArn"]
        self.discarded: list[dict[str, Any]] = []
        self.lines: list[str] = []

    def mapping(self, handler: Handler, *, reports_failures: bool = True, **more: Any) -> ShardMapping:
        shards = self.streams.describe_stream(StreamArn=self.stream_arn)["StreamDescription"]["Shards"]
        stopping = threading.Event()
        stopping.set()  # no pauses: what is tested is the order of things
        return ShardMapping(
            streams=self.streams,
            stream_arn=self.stream_arn,
            shard_id=shards[0]["ShardId"],
            function=Function("handler", handler, reports_failures),
            checkpoints=Checkpoints(self.checkpoints, self.stream_arn),
            report=self.lines.append,
            discard=lambda metadata: self.discarded.append(json.loads(metadata)),
            stopping=stopping,
            **more,
        )

    def put(self, *ids: str) -> None:
        for each in ids:
            self.dynamodb.put_item(TableName=self.name, Item={"id": {"S": each}, "blob": {"B": b"\x00\xff"}})


@pytest.fixture
def queue(engine_url: str) -> Queue:
    return Queue(boto3.client("sqs", **client_options(engine_url)))


@pytest.fixture
def table(engine_url: str, tmp_path: Path) -> Table:
    return Table(engine_url, tmp_path)


def bodies(event: Any) -> list[str]:
    return [record["body"] for record in event["Records"]]


def ids(event: Any) -> list[str]:
    return [record["dynamodb"]["Keys"]["id"]["S"] for record in event["Records"]]


def failing(*identifiers: str) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": each} for each in identifiers]}


def failing_bodies(*bad: str, seen: list[list[str]]) -> Handler:
    def handler(event: Any, _context: Any) -> dict[str, Any]:
        seen.append(bodies(event))
        return failing(*[each["messageId"] for each in event["Records"] if each["body"] in bad])

    return handler


# --- queue -------------------------------------------------------------------------------------------------


def test_a_queue_record_has_what_lambda_puts_in_it(queue: Queue) -> None:
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
def test_a_batch_whose_handler_returns_is_deleted(queue: Queue, answer: Any) -> None:
    queue.send("a", "b")
    mapping = queue.mapping(lambda _event, _context: answer)

    mapping.poll()

    eventually(lambda: mapping.poll() or queue.depth() == 0)


def test_only_what_is_reported_as_failed_comes_again(queue: Queue) -> None:
    seen: list[list[str]] = []
    queue.send("good", "bad", "fine")
    mapping = queue.mapping(failing_bodies("bad", seen=seen), window_seconds=1)

    eventually(lambda: mapping.poll() or len([1 for batch in seen if "bad" in batch]) == 2)

    assert sorted(seen[0]) == ["bad", "fine", "good"]
    assert seen[1] == ["bad"]


def test_without_reporting_what_the_handler_returns_is_ignored(queue: Queue) -> None:
    """Such a mapping loses messages that are only returned: the handler has to raise."""
    seen: list[list[str]] = []
    queue.send("bad")

    queue.mapping(failing_bodies("bad", seen=seen), reports_failures=False).poll()

    assert seen == [["bad"]]
    assert queue.depth() == 0


def test_a_handler_that_raises_deletes_nothing(queue: Queue) -> None:
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
def test_a_report_that_cannot_be_read_fails_the_whole_batch(queue: Queue, answer: Any) -> None:
    queue.send("a", "b")
    queue.mapping(lambda _event, _context: answer, window_seconds=1).poll()

    assert queue.depth() == 2


def test_a_handler_that_hangs_costs_its_batch_and_not_the_poller(queue: Queue) -> None:
    never = threading.Event()
    queue.send("a")

    queue.mapping(lambda _event, _context: never.wait(30), timeout_seconds=0.2).poll()
    never.set()

    assert queue.depth() == 1
    assert "timed out after 0.2 s" in queue.lines[0]


def test_a_message_that_always_fails_is_counted_and_ends_in_the_dead_letter_queue(queue: Queue) -> None:
    counts: list[str] = []

    def handler(event: Any, _context: Any) -> None:
        counts.extend(record["attributes"]["ApproximateReceiveCount"] for record in event["Records"])
        raise RuntimeError("no")

    queue.send("poison")
    mapping = queue.mapping(handler)

    eventually(lambda: mapping.poll() or _depth(queue.sqs, queue.dead_letters) == 1)

    assert counts == [str(number + 1) for number in range(MOST_RECEIVES)]


def test_a_window_gathers_what_arrives_within_it(queue: Queue) -> None:
    seen: list[list[str]] = []
    queue.send("first")
    mapping = queue.mapping(failing_bodies(seen=seen), window_seconds=2, batch_size=3)
    later = threading.Timer(0.5, queue.send, ("second", "third"))
    later.start()

    mapping.poll()  # a full batch does not wait for the window's end
    later.join()

    assert sorted(body for batch in seen for body in batch) == ["first", "second", "third"]
    assert len(seen) == 1


def test_a_batch_may_be_larger_than_one_receive(queue: Queue) -> None:
    seen: list[list[str]] = []
    queue.send(*[str(number) for number in range(25)])

    queue.mapping(failing_bodies(seen=seen), window_seconds=2, batch_size=25).poll()

    assert [len(batch) for batch in seen] == [25]
    assert queue.depth() == 0


# --- stream ------------------------------------------------------------------------------------------------


def polled(mapping: ShardMapping) -> None:
    """Poll until nothing is left."""
    for _ in range(200):
        if not mapping.poll():
            return
    pytest.fail("the shard does not get on")


def test_a_stream_record_has_what_lambda_puts_in_it(table: Table) -> None:
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


def test_a_stream_goes_on_behind_its_checkpoint(table: Table) -> None:
    seen: list[list[str]] = []
    table.put("a", "b")
    polled(table.mapping(lambda event, _context: seen.append(ids(event))))
    table.put("c")

    polled(table.mapping(lambda event, _context: seen.append(ids(event))))

    assert seen == [["a", "b"], ["c"]]


def test_a_checkpoint_of_another_stream_means_nothing(table: Table, tmp_path: Path) -> None:
    Checkpoints(tmp_path / "checkpoints.json", "another").set("shard", "1")

    assert Checkpoints(tmp_path / "checkpoints.json", table.stream_arn).get("shard") is None


def test_the_first_reported_failure_stops_the_shard_there_until_it_succeeds(table: Table) -> None:
    seen: list[list[str]] = []

    def handler(event: Any, _context: Any) -> dict[str, Any]:
        seen.append(ids(event))
        numbers = {each: record["dynamodb"]["SequenceNumber"] for each, record in zip(ids(event), event["Records"])}
        bad = [each for each in ("d", "b") if each in numbers and len(seen) < 3]
        return failing(*[numbers[each] for each in bad])

    table.put("a", "b", "c", "d")
    polled(table.mapping(handler))

    assert seen == [["a", "b", "c", "d"], ["b", "c", "d"], ["b", "c", "d"]]
    assert table.discarded == []


@pytest.mark.parametrize("answer", [failing("unknown"), failing(""), "x"])
def test_a_report_that_cannot_be_read_moves_no_checkpoint(table: Table, answer: Any) -> None:
    table.put("a")
    mapping = table.mapping(lambda _event, _context: answer)

    mapping.poll()

    assert not table.checkpoints.exists()


def test_without_reporting_only_raising_stops_the_shard(table: Table) -> None:
    seen: list[list[str]] = []

    def handler(event: Any, _context: Any) -> dict[str, Any]:
        seen.append(ids(event))
        if len(seen) == 1:
            raise RuntimeError("no")
        return failing(event["Records"][0]["dynamodb"]["SequenceNumber"])

    table.put("a")
    polled(table.mapping(handler, reports_failures=False))

    assert seen == [["a"], ["a"]]


def test_a_record_that_always_fails_is_isolated_told_of_and_passed_over(table: Table) -> None:
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


def test_a_record_that_is_always_reported_is_passed_over_too(table: Table) -> None:
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


# --- killed at any time ------------------------------------------------------------------------------------

_LOOP = """
import sys
from pathlib import Path
from tests.integration.test_event_sources import loop_to_be_killed
loop_to_be_killed(*sys.argv[1:])
"""


def loop_to_be_killed(engine_url: str, queue_url: str, table: str, stream_arn: str, directory: str) -> None:
    """Take the queue into the table, and the table's stream into a file, until killed."""
    options = client_options(engine_url)
    sqs, dynamodb = boto3.client("sqs", **options), boto3.client("dynamodb", **options)
    streams = boto3.client("dynamodbstreams", **options)

    def store(event: Any, _context: Any) -> None:
        for body in bodies(event):
            dynamodb.put_item(TableName=table, Item={"id": {"S": body}})

    def publish(event: Any, _context: Any) -> None:
        with Path(directory, "published.txt").open("a") as file:
            file.writelines(f"{each}\n" for each in ids(event))

    queue = QueueMapping(
        sqs=sqs,
        queue_url=queue_url,
        queue_arn="arn:aws:sqs:us-east-1:000000000000:q",
        function=Function("store", store, reports_failures=True),
        report=print,
        wait_seconds=0,
    )
    shard = ShardMapping(
        streams=streams,
        stream_arn=stream_arn,
        shard_id=streams.describe_stream(StreamArn=stream_arn)["StreamDescription"]["Shards"][0]["ShardId"],
        function=Function("publish", publish, reports_failures=True),
        checkpoints=Checkpoints(Path(directory, "checkpoints.json"), stream_arn),
        report=print,
        discard=print,
        batch_size=7,
    )
    while True:
        queue.poll()
        shard.poll()


def test_a_loop_that_is_killed_again_and_again_loses_nothing(
    engine_url: str, queue: Queue, table: Table, tmp_path: Path
) -> None:
    # Receives that a kill cuts short count too: the redrive policy is not what is tested here.
    queue.sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"RedrivePolicy": ""})
    sent = [f"{number:03d}" for number in range(200)]
    queue.send(*sent)
    published = tmp_path / "published.txt"
    published.touch()

    def start() -> subprocess.Popen[bytes]:
        arguments = [engine_url, queue.url, table.name, table.stream_arn, str(tmp_path)]
        environment = {**os.environ, "PYTHONPATH": str(PROJECT_DIR)}
        return subprocess.Popen([sys.executable, "-c", _LOOP, *arguments], env=environment)

    def lines() -> list[str]:
        return published.read_text().splitlines()

    def until(enough: Callable[[], bool]) -> None:
        loop = start()
        try:
            eventually(enough, within=60)
        finally:
            loop.send_signal(signal.SIGKILL)
            loop.wait()

    for share in (20, 60, 120):
        until(lambda share=share: len(set(lines())) >= share)  # type: ignore[misc]  # bound here, on purpose
    until(lambda: set(lines()) == set(sent))

    assert queue.depth() == 0 or eventually(lambda: queue.depth() == 0)
