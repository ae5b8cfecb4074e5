"""Releases of the service, each in a process of its own, on one stack in the embedded engine."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import boto3

from ordersctl.local.engine import deploy
from ordersctl.shared.engine_client import client_options
from ordersctl.shared.project import PROJECT_DIR
from ordersctl.shared.streams import lambda_record
from testkit.api_client import Answer, ApiClient
from testkit.lambda_events import sqs_event
from testkit.tokens import AUDIENCE, ISSUER

STORED = PROJECT_DIR / "tests" / "data" / "releases"
TODAY = "this release"
SOURCES = ("app.py", "chalicelib")
_CHILD = Path(__file__).with_name("child.py")
_RECEIVE = 10  # messages at once


def stored_releases() -> list[str]:
    """The releases whose code and golden files are kept, oldest first."""
    return sorted((path.stem for path in STORED.glob("*.zip")), key=lambda name: [*map(int, name.split("."))])


def stored_tree(name: str, directory: Path) -> Path:
    """The code of a stored release, unpacked into a directory."""
    with zipfile.ZipFile(STORED / f"{name}.zip") as archive:
        archive.extractall(directory / name)
    return directory / name


def patched_tree(patch: Path, directory: Path) -> Path:
    """A copy of today's code with a patch applied to it."""
    tree = directory / patch.stem
    tree.mkdir()
    shutil.copy(PROJECT_DIR / "app.py", tree)
    shutil.copytree(PROJECT_DIR / "chalicelib", tree / "chalicelib", ignore=shutil.ignore_patterns("__pycache__"))
    command = ["git", "apply", "-C1", "--recount", str(patch)]
    environment = {"GIT_CEILING_DIRECTORIES": str(directory), "PATH": "/usr/local/bin:/usr/bin:/bin"}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, f"{patch.name} does not apply to today's code: {done.stderr}"
    return tree


@dataclass(frozen=True)
class Release:
    """The functions of one release, in a process of their own."""

    name: str
    process: "subprocess.Popen[str]"

    def call(self, function: str, event: Any) -> Any:
        """What a function returns for an event; AssertionError when it raises."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"function": function, "event": event}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline() or '{"raised": "the process ended: see its log"}')
        assert "returned" in answer, f"{function} of {self.name}: {answer['raised']}"
        return answer["returned"]

    def api(self, **who: Any) -> ApiClient:
        """A caller of this release's API."""
        return ApiClient(cast("Any", lambda event, _context: self.call("app", event)), **who)


@dataclass
class Stage:
    """A stack in the engine: its queues and its table, and what has left by its topic."""

    name: str
    outputs: Mapping[str, str]
    engine_url: str
    events: dict[str, dict[str, Any]] = field(default_factory=dict)  # by event id
    _iterator: str = ""

    def __post_init__(self) -> None:
        options = client_options(self.engine_url)
        self.sqs, self.dynamodb = boto3.client("sqs", **options), boto3.client("dynamodb", **options)
        self.streams = boto3.client("dynamodbstreams", **options)

    @classmethod
    def create(cls, engine_url: str, name: str, *, secret: str) -> "Stage":
        """Create a stage whose ids and cursors are made with this secret."""
        outputs = deploy(engine_url, stage=name)
        secrets = boto3.client("secretsmanager", **client_options(engine_url))
        secrets.put_secret_value(SecretId=outputs["IdSecretArn"], SecretString=secret)
        return cls(name, outputs, engine_url)

    @contextmanager
    def release(self, name: str, tree: Path, log: Path) -> Iterator[Release]:
        """Run a release's functions with the settings of this stage; their log goes to a file."""
        # Each output is named as the environment variable that carries it: OrderQueueUrl, ORDER_QUEUE_URL.
        settings = {re.sub(r"(?<!^)(?=[A-Z])", "_", key).upper(): value for key, value in self.outputs.items()} | {
            "STAGE": self.name,
            "AWS_ENDPOINT_URL": self.engine_url,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": "us-east-1",
            "JWT_ISSUER": ISSUER,
            "JWT_AUDIENCE": AUDIENCE,
            "JWT_JWKS": "no/jwks.json",
            "REPORT_BATCH_ITEM_FAILURES": "1",
        }
        with log.open("a") as errors:
            command = [sys.executable, "-P", str(_CHILD), str(tree)]
            pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": errors}
            process = subprocess.Popen(command, cwd=tree, env=settings, text=True, **pipes)  # noqa: S603
            try:
                yield Release(name, process)
            finally:
                for pipe in (process.stdin, process.stdout):
                    cast("Any", pipe).close()
                process.wait(timeout=10)

    # --- what Lambda's event source mappings do

    def process(self, processor: Release) -> int:
        """Put every waiting command through a processor; returns how many stay on the queue."""
        kept: list[str] = []
        while messages := self._receive("queue", most=_RECEIVE):
            answer = processor.call("process_orders", sqs_event(*(message["Body"] for message in messages)))
            failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
            for number, message in enumerate(messages):
                if f"m{number}" in failed:
                    kept.append(message["ReceiptHandle"])
                else:
                    self.sqs.delete_message(QueueUrl=self.url("queue"), ReceiptHandle=message["ReceiptHandle"])
        for handle in kept:
            self.sqs.change_message_visibility(QueueUrl=self.url("queue"), ReceiptHandle=handle, VisibilityTimeout=0)
        return len(kept)

    def publish(self, publisher: Release) -> list[dict[str, Any]]:
        """Put the new records of the table's stream through a publisher; returns the records."""
        records = self._new_records()
        if records:
            answer = publisher.call("publish_events", {"Records": records})
            assert answer == {"batchItemFailures": []}, f"{publisher.name} stopped at a record"
        for event in self.take("invoicing"):
            document = json.loads(event)
            self.events[document["id"]] = document
        return records

    # --- queues and table

    def url(self, queue: str) -> str:
        return str(self.sqs.get_queue_url(QueueName=f"orders-{self.name}-{queue}")["QueueUrl"])

    def take(self, queue: str) -> list[str]:
        """Receive and delete all messages of a queue; returns their bodies."""
        found: list[str] = []
        while messages := self._receive(queue, most=_RECEIVE):
            for message in messages:
                self.sqs.delete_message(QueueUrl=self.url(queue), ReceiptHandle=message["ReceiptHandle"])
                found.append(message["Body"])
        return found

    def waiting(self) -> list[str]:
        """The commands on the order queue, which stay there."""
        messages = self._receive("queue", most=_RECEIVE)
        for message in messages:
            self.sqs.change_message_visibility(
                QueueUrl=self.url("queue"), ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )
        return [message["Body"] for message in messages]

    def send(self, body: str) -> None:
        self.sqs.send_message(QueueUrl=self.url("queue"), MessageBody=body)

    def item(self, order_id: str) -> dict[str, Any] | None:
        answer = self.dynamodb.get_item(
            TableName=self.outputs["OrderTable"], Key={"order_id": {"S": order_id}}, ConsistentRead=True
        )
        return dict(answer["Item"]) if "Item" in answer else None

    def put(self, item: Mapping[str, Any]) -> None:
        self.dynamodb.put_item(TableName=self.outputs["OrderTable"], Item=item)

    def delete(self, order_id: str) -> None:
        self.dynamodb.delete_item(TableName=self.outputs["OrderTable"], Key={"order_id": {"S": order_id}})

    def _receive(self, queue: str, *, most: int) -> list[Any]:
        answer = self.sqs.receive_message(QueueUrl=self.url(queue), MaxNumberOfMessages=most, WaitTimeSeconds=0)
        return list(answer.get("Messages", []))

    def _new_records(self) -> list[dict[str, Any]]:
        arn = self.outputs["OrderStreamArn"]
        if not self._iterator:
            (shard,) = self.streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
            self._iterator = self.streams.get_shard_iterator(
                StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
        found: list[dict[str, Any]] = []
        while True:
            answer = self.streams.get_records(ShardIterator=self._iterator)
            self._iterator = answer["NextShardIterator"]
            if not answer["Records"]:
                return found
            found += [lambda_record(dict(cast("Any", record)), arn) for record in answer["Records"]]


def change(caller: ApiClient, order_id: str, value: Any, if_match: str = "*") -> Answer:
    """PATCH an order."""
    headers = {"Content_Type": "application/merge-patch+json", "If_Match": if_match}
    return caller.call("PATCH", f"/orders/{order_id}", json.dumps(value), **headers)
