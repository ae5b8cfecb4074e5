"""The event source mappings that app.py declares, made of the engine's queues and streams."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from chalice.app import Chalice, DynamoDBEventConfig, SQSEventConfig

from ordersctl.local.event_sources.dynamodb_streams import ShardMapping, ShardPoller
from ordersctl.local.event_sources.invocation import Ended, Function, Report
from ordersctl.local.event_sources.polling import Switched
from ordersctl.local.event_sources.sqs import QueueMapping
from ordersctl.local.printed_lines import PrintedLines
from ordersctl.shared.engine_client import thin_client
from ordersctl.shared.project import checkpoint_file
from ordersctl.shared.streams import Checkpoints
from ordersctl.shared.switches import Switches

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient
    from mypy_boto3_sqs import SQSClient

QUEUE_POLLERS = 2
DEAD_LETTER_PAUSE_SECONDS = 1.0
FUNCTION_TIMEOUT_SECONDS = 15


class Mappings:
    """The pollers of every queue and shard that app.py reads, and watches on the dead-letter queues."""

    def __init__(
        self, endpoint_url: str, state_dir: Path, report: Report, columns: Callable[[], int | None], ended: Ended
    ) -> None:
        self._sqs: SQSClient = thin_client("sqs", endpoint_url)
        self._dynamodb: DynamoDBClient = thin_client("dynamodb", endpoint_url)
        self._streams: DynamoDBStreamsClient = thin_client("dynamodbstreams", endpoint_url)
        self._checkpoints = checkpoint_file(state_dir)
        self._report = report
        self._ended = ended
        self._lines = PrintedLines(report, columns)
        self._switches = Switches(state_dir)

    def steps(self, app: Chalice) -> list[Callable[[], object]]:
        """Return the steps to repeat, each in a thread of its own."""
        steps: list[Callable[[], object]] = []
        for source in app.event_sources:
            function = Function(
                name=source.name,
                handler=app.handler_map[source.name],
                reports_failures=os.environ["REPORT_BATCH_ITEM_FAILURES"] == "1",
                timeout_seconds=FUNCTION_TIMEOUT_SECONDS,
                ended=self._ended,
            )
            if isinstance(source, SQSEventConfig):
                processor = Switched("processor", self._switches, self._report)
                steps += [processor.step(self._queue(source, function, processor).poll)] * QUEUE_POLLERS
            elif isinstance(source, DynamoDBEventConfig):
                publisher = Switched("publisher", self._switches, self._report)
                shards = self._shards(source, function)
                steps += [publisher.step(ShardPoller(shard).poll) for shard in shards]
        for name in ("ORDER_DEAD_LETTER_QUEUE_URL", "EVENT_DEAD_LETTER_QUEUE_URL"):
            steps.append(DeadLetterWatch(self._sqs, os.environ[name], self._report).look)
        return steps

    def _queue(self, source: SQSEventConfig, function: Function, processor: Switched) -> QueueMapping:
        return QueueMapping.of(
            self._sqs,
            source.queue or str(source.queue_arn).rpartition(":")[2],
            function,
            self._report,
            handled=self._lines.processed,
            batch_size=source.batch_size,
            window_seconds=source.maximum_batching_window_in_seconds,
            paused=processor.is_paused,
        )

    def _shards(self, source: DynamoDBEventConfig, function: Function) -> list[ShardMapping]:
        # A stream's ARN ends with its creation time, so app.py's decorator has a placeholder: ask the table for the
        # ARN.
        table = self._dynamodb.describe_table(TableName=os.environ["ORDER_TABLE"])["Table"]
        arn = table["LatestStreamArn"]
        checkpoints = Checkpoints(self._checkpoints, arn)
        # In the engine a stream always has exactly one shard: no need to handle shards that split.
        shards = self._streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        return [
            ShardMapping(
                streams=self._streams,
                stream_arn=arn,
                shard_id=shard["ShardId"],
                function=function,
                checkpoints=checkpoints,
                report=self._report,
                discard=self._discard,
                read=self._lines.read,
                handled=self._lines.published,
                batch_size=source.batch_size,
            )
            for shard in shards
        ]

    def _discard(self, metadata: str) -> None:
        self._sqs.send_message(QueueUrl=os.environ["EVENT_DEAD_LETTER_QUEUE_URL"], MessageBody=metadata)


class DeadLetterWatch:
    """Reports when messages arrive in a dead-letter queue, from whatever source."""

    def __init__(self, sqs: "SQSClient", queue_url: str, report: Report) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._report = report
        self._known = 0

    def look(self) -> None:
        # Those in flight too: what a command such as `dlq list` holds is not new when it is visible again.
        answer = self._sqs.get_queue_attributes(
            QueueUrl=self._queue_url,
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )
        depth = sum(map(int, answer["Attributes"].values()))
        if depth > self._known:
            name = self._queue_url.rpartition("/")[2]
            self._report(f"quarantined: {depth - self._known} more in {name} ({depth} now)")
        self._known = depth
        time.sleep(DEAD_LETTER_PAUSE_SECONDS)  # SQS does not notify of a queue's depth: poll it
