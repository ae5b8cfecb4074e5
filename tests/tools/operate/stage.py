"""A stage that an operator works on: its queues and table, and the commands run against it."""

import functools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import boto3
from click.testing import CliRunner, Result

from chalicelib.adapters import order_items
from chalicelib.domain import order_ids
from chalicelib.domain.orders import ErasedOrder, Order
from chalicelib.settings import Spread
from ordersctl.cli import main
from ordersctl.shared.engine_client import client_options
from ordersctl.shared.project import PROJECT_DIR
from ordersctl.shared.streams import Checkpoints
from testkit import builders
from tests.tools.local.event_sources import depth_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

ACCOUNT_URL = "http://localhost:4566/000000000000"
TABLE = "orders-local"


@functools.cache  # one for all tests: it takes longer to make than most tests take
def client(engine_url: str, service: Any) -> Any:
    return boto3.client(service, **client_options(engine_url))


class OperatedStage:
    def __init__(self, engine_url: str, state_dir: Path) -> None:
        self.sqs: SQSClient = client(engine_url, "sqs")
        self.dynamodb: DynamoDBClient = client(engine_url, "dynamodb")
        self.streams: DynamoDBStreamsClient = client(engine_url, "dynamodbstreams")
        self.secrets: SecretsManagerClient = client(engine_url, "secretsmanager")
        self.sns: Any = client(engine_url, "sns")
        self.state_dir = state_dir
        self.started: list[subprocess.Popen[str]] = []
        self.environment = {"AWS_ENDPOINT_URL": engine_url, "ORDERS_STATE_DIR": str(state_dir), "COLUMNS": "200"}

    # --- queues and table--------------------------------------------------------------------------------------------

    def url(self, queue: str) -> str:
        return f"{ACCOUNT_URL}/orders-local-{queue}"

    def send(self, queue: str, body: Any, **attributes: str) -> str:
        """Send a message, a JSON value or a text, to a queue; returns its id."""
        return self.sqs.send_message(
            QueueUrl=self.url(queue),
            MessageBody=body if isinstance(body, str) else json.dumps(body),
            MessageAttributes={name: {"DataType": "String", "StringValue": text} for name, text in attributes.items()},
        )["MessageId"]

    def depth(self, queue: str) -> int:
        """Messages waiting and in flight."""
        return depth_of(self.sqs, self.url(queue))

    def take(self, queue: str) -> list[dict[str, Any]]:
        """Receive and delete all messages of a queue."""
        taken: list[dict[str, Any]] = []
        while messages := self.sqs.receive_message(
            QueueUrl=self.url(queue), MaxNumberOfMessages=10, WaitTimeSeconds=0, MessageAttributeNames=["All"]
        ).get("Messages"):
            taken += [dict(message) for message in messages]
            self.sqs.delete_message_batch(
                QueueUrl=self.url(queue),
                Entries=[{"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(messages)],
            )
        return taken

    def take_events(self, queue: str) -> list[dict[str, Any]]:
        return [json.loads(message["Body"]) for message in self.take(queue)]

    def arn(self, queue: str) -> str:
        answer = self.sqs.get_queue_attributes(QueueUrl=self.url(queue), AttributeNames=["QueueArn"])
        return answer["Attributes"]["QueueArn"]

    def depth_of(self, url: str) -> int:
        """Messages waiting and in flight in any queue."""
        return depth_of(self.sqs, url)

    def queue_arn(self, url: str) -> str:
        """The ARN of any queue, by its URL."""
        return self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def bodies(self, url: str) -> list[str]:
        """Receive and delete the messages that are waiting in any queue."""
        messages = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [message["Body"] for message in messages]

    def store(self, *orders: Order | ErasedOrder, spread: Spread = MappingProxyType({})) -> None:
        for order in orders:
            self.dynamodb.put_item(TableName=TABLE, Item=order_items.to_item(order, spread))

    def index_key(self, order_id: str) -> str:
        item = self.dynamodb.get_item(TableName=TABLE, Key=order_items.key(order_id))["Item"]
        return str(item[order_items.CUSTOMER_ID]["S"])

    def store_many(self, orders: Sequence[Order]) -> None:
        self._write_many([{"PutRequest": {"Item": order_items.to_item(order)}} for order in orders])

    def stored(self, order_id: str) -> Order | ErasedOrder | None:
        answer = self.dynamodb.get_item(TableName=TABLE, Key=order_items.key(order_id))
        return order_items.from_item(answer["Item"]) if "Item" in answer else None

    def empty(self) -> None:
        for url in self.sqs.list_queues().get("QueueUrls", []):
            self.sqs.purge_queue(QueueUrl=url)
        for page in self.dynamodb.get_paginator("scan").paginate(TableName=TABLE):
            self._write_many([{"DeleteRequest": {"Key": {"order_id": each["order_id"]}}} for each in page["Items"]])

    def _write_many(self, writes: Sequence[Any]) -> None:
        for start in range(0, len(writes), 25):  # the most that BatchWriteItem takes
            self.dynamodb.batch_write_item(RequestItems={TABLE: writes[start : start + 25]})

    def stream_records(self, *order_ids: str) -> list[dict[str, Any]]:
        """Return the stream's newest records of these orders, in the stream's order."""
        streams, arn = self.streams, self._stream_arn()
        shard_id = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
        iterator: str | None = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        found: dict[str, dict[str, Any]] = {}
        while iterator:
            answer = streams.get_records(ShardIterator=iterator)
            for record in answer["Records"]:
                order_id = record["dynamodb"]["Keys"]["order_id"]["S"]
                if order_id in order_ids:
                    found.pop(order_id, None)
                    found[order_id] = {**record, "shardId": shard_id}
            iterator = answer.get("NextShardIterator") if answer["Records"] else None
        return list(found.values())

    def checkpoint(self, record: dict[str, Any]) -> None:
        """Save that the stream is read up to this record, as the local run's event sources do."""
        file = Checkpoints(self.state_dir / "stream-checkpoints.json", self._stream_arn())
        file.set(record["shardId"], record["dynamodb"]["SequenceNumber"])

    def publisher_catches_up(self) -> None:
        """Save that the whole stream is read, as if everything stored so far were published."""
        arn = self._stream_arn()
        file = Checkpoints(self.state_dir / "stream-checkpoints.json", arn)
        for shard in self.streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
            while records := self.streams.get_records(ShardIterator=file.iterator(self.streams, shard["ShardId"]))[
                "Records"
            ]:
                file.set(shard["ShardId"], records[-1]["dynamodb"]["SequenceNumber"])

    def given_up(self, first: dict[str, Any], last: dict[str, Any]) -> dict[str, Any]:
        """The message that Lambda sends to an on-failure destination (Lambda guide, "DynamoDB Streams")."""
        return {
            "requestContext": {"condition": "RetryAttemptsExhausted", "approximateInvokeCount": 11},
            "version": "1.0",
            "timestamp": "2026-01-31T12:00:00.000Z",
            "DDBStreamBatchInfo": {
                "shardId": first["shardId"],
                "startSequenceNumber": first["dynamodb"]["SequenceNumber"],
                "endSequenceNumber": last["dynamodb"]["SequenceNumber"],
                "approximateArrivalOfFirstRecord": "2026-01-31T11:59:00Z",
                "batchSize": 3,
                "streamArn": self._stream_arn(),
            },
        }

    def _stream_arn(self) -> str:
        return self.dynamodb.describe_table(TableName=TABLE)["Table"]["LatestStreamArn"]

    def accepted_but_not_placed(self) -> dict[str, Any]:
        """A command whose id this stage sealed, and that never reached the queue."""
        secret = self.secrets.get_secret_value(SecretId="orders-local-id-secret")["SecretString"].encode()
        return builders.command(order_id=order_ids.mint(secret, builders.CUSTOMER))

    # --- commands ----------------------------------------------------------------------------------------------------

    def run(self, *arguments: str, answer: str | None = None) -> Result:
        """Run a command in this process; `answer` is typed at its prompt."""
        return CliRunner().invoke(main, arguments, input=answer, env=self.environment)

    def json(self, *arguments: str) -> Any:
        """Run a command that must succeed, and read the JSON that it prints."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "ordersctl", *arguments],
            cwd=PROJECT_DIR,
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.started.append(process)
        return process

    def end(self) -> None:
        """Kill the processes that a failed test left running."""
        for process in self.started:
            process.kill()
            process.communicate()

    def killed(self, process: "subprocess.Popen[str]", after: float) -> bool:
        """Kill a process after some seconds; returns whether it was still running."""
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
        return process.returncode == -signal.SIGKILL
