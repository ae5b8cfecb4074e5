"""A table's stream as an event source: what Lambda's pollers do with DynamoDB Streams."""

import base64
import json
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ordersctl.local.event_sources.invocation import Function, InvocationError, Report

if TYPE_CHECKING:
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
# The iterator is too old, or what it points at is: begin again at the checkpoint, or at what is left.
_EXPIRED = {"ExpiredIteratorException", "TrimmedDataAccessException"}


class Checkpoints:
    """How far each shard of one stream has been handled, in a file that a kill at any time leaves whole."""

    def __init__(self, path: Path, stream_arn: str) -> None:
        self._path = path
        self._stream_arn = stream_arn
        stored = json.loads(path.read_text()) if path.exists() else {}
        # A new engine makes a new stream with a new ARN: the old one's numbers mean nothing there.
        self._numbers: dict[str, str] = stored.get(stream_arn, {})

    def get(self, shard_id: str) -> str | None:
        return self._numbers.get(shard_id)

    def set(self, shard_id: str, sequence_number: str) -> None:
        self._numbers[shard_id] = sequence_number
        beside = self._path.with_suffix(".new")
        beside.write_text(json.dumps({self._stream_arn: self._numbers}))
        beside.replace(self._path)

    def forget(self, shard_id: str) -> None:
        self._numbers.pop(shard_id, None)


@dataclass
class ShardMapping:
    """One shard, read in order.

    A failed record stops it there until it succeeds or its retries are used up: then what Lambda tells an
    on-failure destination goes to `discard`, and the shard goes on. A batch that raises is halved at each retry
    (BisectBatchOnFunctionError), so that one bad record does not take its neighbours with it.
    """

    streams: "DynamoDBStreamsClient"
    stream_arn: str
    shard_id: str
    function: Function
    checkpoints: Checkpoints
    report: Report
    discard: Callable[[str], None]
    read: Callable[[dict[str, Any]], None] = lambda _record: None
    handled: Callable[[dict[str, Any]], None] = lambda _record: None
    batch_size: int = 100
    maximum_retry_attempts: int = 10
    stopping: threading.Event = field(default_factory=threading.Event)
    _iterator: str | None = None
    _pending: list[dict[str, Any]] = field(default_factory=list)
    _take: int = 0  # how many of `_pending` the next batch has; 0 is all
    _attempts: int = 0

    def poll(self) -> bool:
        """Take one batch through the handler; False if there was none."""
        if not self._pending:
            self._pending = self._get_records()
        if not self._pending:
            return False
        batch = self._pending[: self._take or None]
        try:
            numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
            failed = self.function.failures(batch, numbers)
        except InvocationError as error:
            self._take = max(1, len(batch) // 2)
            self._retry(batch, str(error), pause=len(batch) == 1)
        else:
            done = min(failed, default=len(batch))
            self._advance(done)
            self._take = 0
            if failed:
                self._retry(batch[done:], "reported as failed", pause=True)
        return True

    def _advance(self, done: int) -> None:
        """Move past the first `done` records: they are handled, whatever happens next."""
        if not done:
            return
        finished, self._pending = self._pending[:done], self._pending[done:]
        self.checkpoints.set(self.shard_id, finished[-1]["dynamodb"]["SequenceNumber"])
        self._attempts = 0
        for record in finished:
            self.handled(record)

    def _retry(self, batch: list[dict[str, Any]], why: str, *, pause: bool) -> None:
        name = self.function.name
        self._attempts += 1
        if self._attempts > self.maximum_retry_attempts:
            # The first record is the one that never gets through; the others had no fair try yet.
            first = batch[0]
            self.discard(self._metadata(first))
            self.report(f"{name}: gave up {first['eventID']} after {self._attempts} attempts: {why}")
            self.checkpoints.set(self.shard_id, first["dynamodb"]["SequenceNumber"])
            self._pending = self._pending[1:]
            self._attempts = self._take = 0
            return
        self.report(f"{name}: stopped at the first of {len(batch)} records, to be tried again: {why}")
        if pause:  # halving a batch needs none
            self.stopping.wait(min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** (self._attempts - 1)))

    def _get_records(self) -> list[dict[str, Any]]:
        try:
            if self._iterator is None:
                self._iterator = self._iterator_after_checkpoint()
            answer = self.streams.get_records(ShardIterator=self._iterator, Limit=self.batch_size)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _EXPIRED:
                raise
            if error.response["Error"]["Code"] == "TrimmedDataAccessException":
                self.checkpoints.forget(self.shard_id)
            self._iterator = None
            return []
        self._iterator = answer.get("NextShardIterator")
        records = [lambda_record(dict(record), self.stream_arn) for record in answer["Records"]]
        for record in records:
            self.read(record)
        return records

    def _iterator_after_checkpoint(self) -> str:
        where: Any = {"ShardIteratorType": "TRIM_HORIZON"}
        if (number := self.checkpoints.get(self.shard_id)) is not None:
            where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": number}
        answer = self.streams.get_shard_iterator(StreamArn=self.stream_arn, ShardId=self.shard_id, **where)
        return answer["ShardIterator"]

    def _metadata(self, record: dict[str, Any]) -> str:
        """Return what Lambda sends to an on-failure destination: where the record was, not the record."""
        number = record["dynamodb"]["SequenceNumber"]
        arrived = datetime.fromtimestamp(record["dynamodb"]["ApproximateCreationDateTime"], UTC).isoformat()
        return json.dumps(
            {
                "requestContext": {
                    "requestId": str(uuid.uuid4()),
                    "functionArn": f"arn:aws:lambda:us-east-1:000000000000:function:{self.function.name}",
                    "condition": "RetryAttemptsExhausted",
                    "approximateInvokeCount": self._attempts,
                },
                "version": "1.0",
                "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "DDBStreamBatchInfo": {
                    "shardId": self.shard_id,
                    "startSequenceNumber": number,
                    "endSequenceNumber": number,
                    "approximateArrivalOfFirstRecord": arrived,
                    "approximateArrivalOfLastRecord": arrived,
                    "batchSize": 1,
                    "streamArn": self.stream_arn,
                },
            }
        )


def lambda_record(record: dict[str, Any], stream_arn: str) -> dict[str, Any]:
    """Shape a stream record as Lambda does: JSON, binary as base64, time in seconds, with its source."""
    plain: dict[str, Any] = _plain(record)
    return {**plain, "eventSourceARN": stream_arn}


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {name: _plain(inner) for name, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            return value.timestamp()
        case _:
            return value
