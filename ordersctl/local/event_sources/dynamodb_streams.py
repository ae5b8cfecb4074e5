"""A table's stream as an event source, polled as Lambda polls DynamoDB Streams."""

import json
import math
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ordersctl.local.event_sources.invocation import Function, InvocationError, Report
from ordersctl.shared.output import number_of
from ordersctl.shared.streams import Checkpoints, lambda_record

if TYPE_CHECKING:
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient

STREAM_PAUSE_SECONDS = 0.05
# Most of what an idle run costs is reading its stream, so it does that as often as Lambda does, four times a second
# (https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html), once there has been nothing for a while.
_IDLE_STREAM_PAUSE_SECONDS = 0.25
_IDLE_AFTER_SECONDS = 10.0
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
# The iterator, or the record that it points at, is too old: begin again at the checkpoint, or at the oldest record.
_EXPIRED = {"ExpiredIteratorException", "TrimmedDataAccessException"}


@dataclass
class ShardMapping:
    """One shard, read in order.

    A failed record stops the shard until it succeeds or its retries are used up: then the message that Lambda sends to
    an on-failure destination goes to `discard`, and the shard goes on. A batch that raises is halved at each retry
    (BisectBatchOnFunctionError), so that one bad record does not fail its neighbours too.
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
    _take: int = 0  # the number of `_pending` in the next batch; 0 is all
    _attempts: int = 0

    def poll(self) -> bool:
        """Handle one batch; False if there was none."""
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
        """Move past the first `done` records: they are handled, and not delivered again."""
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
            # Only the first record failed at each attempt; the ones after it were not tried.
            first = batch[0]
            self.discard(self._metadata(first))
            self.report(f"{name}: gave up {first['eventID']} after {number_of(self._attempts, 'attempt')}: {why}")
            self.checkpoints.set(self.shard_id, first["dynamodb"]["SequenceNumber"])
            self._pending = self._pending[1:]
            self._attempts = self._take = 0
            return
        self.report(f"{name}: stopped at the first of {number_of(len(batch), 'record')}, to be retried: {why}")
        if pause:  # a batch that is halved is retried at once
            self.stopping.wait(min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** (self._attempts - 1)))

    def _get_records(self) -> list[dict[str, Any]]:
        try:
            if self._iterator is None:
                self._iterator = self.checkpoints.iterator(self.streams, self.shard_id)
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

    def _metadata(self, record: dict[str, Any]) -> str:
        """Return the message that Lambda sends to an on-failure destination: the record's position, not the record."""
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


@dataclass
class ShardPoller:
    """Reads a shard again and again, with short pauses while records come, and longer ones when none have come."""

    shard: ShardMapping
    now: Callable[[], float] = time.monotonic
    _last: float = -math.inf  # when the last records came

    def poll(self) -> None:
        """Handle a batch, or pause."""
        if self.shard.poll():
            self._last = self.now()
        else:
            is_idle = self.now() - self._last > _IDLE_AFTER_SECONDS
            self.shard.stopping.wait(_IDLE_STREAM_PAUSE_SECONDS if is_idle else STREAM_PAUSE_SECONDS)
