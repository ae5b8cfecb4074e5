"""A queue and a table of the engine, each mapped to the handler of a test."""

import json
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

from ordersctl.local.event_sources.dynamodb_streams import ShardMapping
from ordersctl.local.event_sources.invocation import Function, Handler
from ordersctl.local.event_sources.sqs import QueueMapping
from ordersctl.shared.engine_client import client_options
from ordersctl.shared.streams import Checkpoints

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient
    from mypy_boto3_sqs import SQSClient

VISIBILITY_SECONDS = 2  # longer than the batching windows of the tests, in which received messages wait
MOST_RECEIVES = 2


class QueueSource:
    """A queue with a dead-letter queue, and a mapping of it to any handler."""

    def __init__(self, sqs: "SQSClient") -> None:
        self.sqs = sqs
        name = f"q-{uuid.uuid4().hex}"
        self.dead_letters = sqs.create_queue(QueueName=f"{name}-dlq")["QueueUrl"]
        redrive = {"deadLetterTargetArn": self._arn(self.dead_letters), "maxReceiveCount": MOST_RECEIVES}
        self.url = sqs.create_queue(
            QueueName=name,
            Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS), "RedrivePolicy": json.dumps(redrive)},
        )["QueueUrl"]
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
        return depth_of(self.sqs, self.url)

    def _arn(self, url: str) -> str:
        answer = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return answer["Attributes"]["QueueArn"]


def depth_of(sqs: "SQSClient", url: str) -> int:
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return int(answer["ApproximateNumberOfMessages"]) + int(answer["ApproximateNumberOfMessagesNotVisible"])


class TableSource:
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
        stopping.set()  # no pauses: the tests are about the sequence of calls
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


def bodies(event: Any) -> list[str]:
    return [record["body"] for record in event["Records"]]


def ids(event: Any) -> list[str]:
    return [record["dynamodb"]["Keys"]["id"]["S"] for record in event["Records"]]


def failing(*identifiers: str) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": each} for each in identifiers]}
