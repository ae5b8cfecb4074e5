"""The event sources as one loop that is killed at any time."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from ordersctl.local.event_sources.dynamodb_streams import ShardMapping
from ordersctl.local.event_sources.invocation import Function
from ordersctl.local.event_sources.sqs import QueueMapping
from ordersctl.shared.engine_client import client_options
from ordersctl.shared.project import PROJECT_DIR
from ordersctl.shared.streams import Checkpoints
from testkit.waiting import eventually
from tests.tools.local.event_sources import QueueSource, TableSource, bodies, ids

pytestmark = pytest.mark.full  # processes that are killed; no code of the service

_LOOP = """
import sys
from pathlib import Path
from tests.tools.local.test_event_sources import loop_to_be_killed
loop_to_be_killed(*sys.argv[1:])
"""


def loop_to_be_killed(engine_url: str, queue_url: str, table: str, stream_arn: str, directory: str) -> None:
    """Store the queue's messages in the table, and write the table's stream to a file, until killed."""
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
    engine_url: str, queue: QueueSource, table: TableSource, tmp_path: Path
) -> None:
    # A receive that a kill interrupts counts too; without a redrive policy no message is moved away.
    queue.sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"RedrivePolicy": ""})
    sent = [f"{number:03d}" for number in range(200)]
    queue.send(*sent)
    published = tmp_path / "published.txt"
    published.touch()

    def start() -> subprocess.Popen[bytes]:
        arguments = [engine_url, queue.url, table.name, table.stream_arn, str(tmp_path)]
        environment = {**os.environ, "PYTHONPATH": str(PROJECT_DIR)}
        return subprocess.Popen([sys.executable, "-c", _LOOP, *arguments], env=environment)  # noqa: S603 - our own loop

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

    assert set(lines()) == set(sent)
