"""`ordersctl event-sources`: drives the queue and stream handlers of app.py, in place of Lambda."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import boto3
import click
from botocore.exceptions import BotoCoreError, ClientError
from chalice.app import Chalice, DynamoDBEventConfig, SQSEventConfig
from chalice.cli.factory import CLIFactory

from ordersctl.local.engine import client_options
from ordersctl.local.event_sources.dynamodb_streams import Checkpoints, ShardMapping
from ordersctl.local.event_sources.invocation import Ended, Function, Report
from ordersctl.local.event_sources.sqs import QueueMapping
from ordersctl.local.order_lines import OrderLines
from ordersctl.shared.project import PROJECT_DIR, engine_url

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient
    from mypy_boto3_sqs import SQSClient

QUEUE_POLLERS = 2
# Shorter than Lambda's 20: if this process is killed, the engine still answers its open receives, with messages that
# are then out of sight until their visibility timeout.
WAIT_SECONDS = 1
STREAM_PAUSE_SECONDS = 0.05
DEAD_LETTER_PAUSE_SECONDS = 1.0
ENGINE_PAUSE_SECONDS = 1.0
FUNCTION_TIMEOUT_SECONDS = 15


@click.command("event-sources")
@click.option("--state-dir", type=click.Path(path_type=Path, file_okay=False), required=True)
def event_sources(state_dir: Path) -> None:
    """Drive the queue and stream handlers until stopped."""
    out = _own_output(state_dir / "logs" / "handlers.log")

    def report(line: str) -> None:
        out.write(" ".join(line.splitlines()) + "\n")

    # What the packaged template says; "0" shows the other way of deploying.
    os.environ.setdefault("REPORT_BATCH_ITEM_FAILURES", "1")
    invocations = _invocations_into(state_dir / "logs" / "invocations.log")
    app = CLIFactory(str(PROJECT_DIR), environ=os.environ).create_config_obj("local").chalice_app
    threads = [
        threading.Thread(target=_forever, args=(step, report), daemon=True)
        for step in Mappings(engine_url(), state_dir, report, invocations).steps(app)
    ]
    for thread in threads:
        thread.start()
    # A loop ends by a fault of its own only; whoever started this process starts it anew.
    while all(thread.is_alive() for thread in threads):
        time.sleep(0.2)  # threads are joined one at a time, and the first of many to end is waited for
    sys.exit(1)


class Mappings:
    """The event source mappings that app.py declares, made of the engine's queues and streams."""

    def __init__(self, endpoint_url: str, state_dir: Path, report: Report, ended: Ended) -> None:
        options = client_options(endpoint_url)
        self._sqs: SQSClient = boto3.client("sqs", **options)
        self._dynamodb: DynamoDBClient = boto3.client("dynamodb", **options)
        self._streams: DynamoDBStreamsClient = boto3.client("dynamodbstreams", **options)
        self._checkpoints = state_dir / "stream-checkpoints.json"
        self._report = report
        self._ended = ended
        self._lines = OrderLines(report)

    def steps(self, app: Chalice) -> list[Callable[[], object]]:
        """Return what to do over and over: pollers of each queue and shard, watches on dead-letter queues."""
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
                steps += [self._queue(source, function).poll] * QUEUE_POLLERS
            elif isinstance(source, DynamoDBEventConfig):
                steps += [partial(_poll_shard, shard) for shard in self._shards(source, function)]
        for name in ("ORDER_DEAD_LETTER_QUEUE_URL", "EVENT_DEAD_LETTER_QUEUE_URL"):
            steps.append(DeadLetterWatch(self._sqs, os.environ[name], self._report).look)
        return steps

    def _queue(self, source: SQSEventConfig, function: Function) -> QueueMapping:
        name = source.queue or str(source.queue_arn).rpartition(":")[2]
        url = self._sqs.get_queue_url(QueueName=name)["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        return QueueMapping(
            sqs=self._sqs,
            queue_url=url,
            queue_arn=attributes["QueueArn"],
            function=function,
            report=self._report,
            handled=self._lines.processed,
            batch_size=source.batch_size,
            window_seconds=source.maximum_batching_window_in_seconds,
            wait_seconds=WAIT_SECONDS,
        )

    def _shards(self, source: DynamoDBEventConfig, function: Function) -> list[ShardMapping]:
        # A stream's ARN ends with the time it was made, so the decorator has a stand-in: the table knows.
        table = self._dynamodb.describe_table(TableName=os.environ["ORDER_TABLE"])["Table"]
        arn = table["LatestStreamArn"]
        checkpoints = Checkpoints(self._checkpoints, arn)
        # The engine gives a stream one shard for ever: shards that split need no care here.
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
    """Tells when messages arrive in a dead-letter queue, whoever put them there."""

    def __init__(self, sqs: "SQSClient", queue_url: str, report: Report) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._report = report
        self._known = 0

    def look(self) -> None:
        answer = self._sqs.get_queue_attributes(
            QueueUrl=self._queue_url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        depth = int(answer["Attributes"]["ApproximateNumberOfMessages"])
        if depth > self._known:
            name = self._queue_url.rpartition("/")[2]
            self._report(f"quarantined: {depth - self._known} more in {name} ({depth} now)")
        self._known = depth
        time.sleep(DEAD_LETTER_PAUSE_SECONDS)  # a queue's depth can only be asked for


def _poll_shard(shard: ShardMapping) -> None:
    if not shard.poll():
        shard.stopping.wait(STREAM_PAUSE_SECONDS)


def _forever(step: Callable[[], object], report: Report) -> None:
    unreachable = False
    while True:
        try:
            step()
            unreachable = False
        except (BotoCoreError, ClientError) as error:
            if not unreachable:
                report(f"the engine does not answer, trying again: {error}")
            unreachable = True
            time.sleep(ENGINE_PAUSE_SECONDS)  # who cannot be reached cannot say when it can be


def _own_output(log: Path) -> TextIO:
    """Keep standard output for our lines; whatever handlers print or log goes to the file instead."""
    sys.stdout.flush()
    out = os.fdopen(os.dup(1), "w", buffering=1, encoding=sys.stdout.encoding, errors="replace")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    return out


def _invocations_into(log: Path) -> Ended:
    """Keep a JSON line of each invocation, as Lambda's REPORT lines do, and which poller it was for."""
    file = log.open("a", buffering=1)

    def ended(function: str, records: int, began: float, seconds: float) -> None:
        line = {"function": function, "records": records, "began": began, "seconds": seconds}
        file.write(json.dumps(line | {"poller": threading.get_ident()}) + "\n")

    return ended
