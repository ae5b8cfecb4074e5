"""Putting dead letters back on their way, or away for good: sent or kept first, deleted after, one by one.

Whoever kills this between the two finds the letter again: sent twice is a duplicate under the same id, which every
hop takes for what it is; deleted first would be lost.
"""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.adapters.event_bus import EventBus
from chalicelib.adapters.event_topic import EventTopic
from chalicelib.adapters.order_table import OrderTable
from chalicelib.adapters.publishing import Publisher
from chalicelib.adapters.queues import DeadLetterQueue
from chalicelib.application import process, publish
from chalicelib.domain import clock, commands
from chalicelib.domain.errors import Fault, OrderNotFound, Poison
from chalicelib.domain.orders import ErasedOrder
from ordersctl.local.event_sources.dynamodb_streams import lambda_record
from ordersctl.operate.dlq.dead_letters import Letter, at, cloud_event, open_private
from ordersctl.operate.stage_queues import Queue
from ordersctl.shared.stage import Stage

_OUR_ATTRIBUTES = {"reason", "source"}  # of a letter, about its being one
# What AWS says of stream records that are gone: they are kept for 24 hours.
_TOO_OLD = {"TrimmedDataAccessException", "ResourceNotFoundException", "ExpiredIteratorException"}

NAMES_NO_ORDER = "kept in the file, with no order to store as rejected"  # what became of a dropped command
_PAGES = 1_000  # of a stream, for one batch of it: pages may be empty


class Pace:
    """At most so many steps a second."""

    def __init__(self, per_second: float) -> None:
        self._step = 1 / per_second
        self._next = time.monotonic()

    def wait(self, steps: int = 1) -> None:
        """Wait until it is time for the next steps."""
        time.sleep(max(0.0, self._next - time.monotonic()))
        self._next = max(self._next, time.monotonic()) + steps * self._step


class _NotAgain(DeadLetterQueue):
    """In place of the dead-letter queue: what would come straight back stays where it is."""

    def quarantine(self, body: str, *, reason: str, source: str) -> None:  # noqa: ARG002  the signature is given
        raise Poison(reason)


@dataclass(frozen=True)
class Redrive:
    """Knows for each kind of letter where it goes again, and whether it would come straight back."""

    stage: Stage

    def check(self, letter: Letter, body: str) -> None:
        """Raise Poison when this body can be no use where it would go."""
        if letter.queue.kind == "orders":
            commands.decode(body)
        elif letter.queue.kind == "consumer":
            event = cloud_event(_json(body))
            if not (isinstance(event, dict) and {"id", "type", "subject"} <= event.keys()):
                raise Poison("not a CloudEvent")
        elif not isinstance(_json(body), dict):
            raise Poison("not a stream record")

    def again(self, letter: Letter, body: str) -> None:
        """Send a letter, as it is or mended, where it was meant to go; raises Poison, Fault, botocore's ClientError."""
        self.check(letter, body)
        document = letter.document if letter.queue.kind == "events" else cloud_event(letter.document)
        if letter.queue.kind != "orders" and self._is_erased(*_named(document)):
            raise Poison("its order was erased since, and may not be told of again: drop it")
        if letter.is_stream_position and body == letter.body:
            self._publish_from_stream(json.loads(body)["DDBStreamBatchInfo"])
        elif letter.queue.kind == "events":
            self._publish([json.loads(body)], _NotAgain(None, ""))  # type: ignore[arg-type]  # it sends nothing
        else:
            assert letter.queue.source is not None  # noqa: S101  orders and consumers have one
            attributes = letter.attributes if letter.queue.kind == "consumer" else {}
            send(self.stage, letter.queue.source, body, attributes=attributes, group=letter.order_id, once=letter.id)

    def _publish(self, records: list[Any], dead_letters: DeadLetterQueue) -> None:
        done = publish.publish_changes(
            records, source=source_of(self.stage), publisher=publisher(self.stage), dead_letters=dead_letters
        )
        if done < len(records):
            raise Fault("it could not be published now; run it again")

    def _publish_from_stream(self, batch: Mapping[str, Any]) -> None:
        """Publish what a mapping gave up; a record that cannot be published goes, whole, where its position lay."""
        try:
            records = self._records(batch)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _TOO_OLD:
                raise
            raise Poison(
                "the stream keeps records for 24 hours, and these are gone: replay what changed since "
                f"{batch.get('approximateArrivalOfFirstRecord')}, then drop this"
            ) from error
        records = [each for each in records if not self._is_erased(*_named(each))]
        own = DeadLetterQueue(self.stage.client("sqs"), self.stage.output("EventDeadLetterQueueUrl"))
        self._publish(records, own)

    def _is_erased(self, order_id: Any, version: Any) -> bool:
        """Whether an order was erased after this version of it: what it was must not go round again."""
        if not isinstance(order_id, str):
            return False
        try:
            stands = OrderTable(self.stage.client("dynamodb"), self.stage.output("OrderTable")).get(order_id)
        except (OrderNotFound, Poison):
            return False
        return isinstance(stands, ErasedOrder) and str(stands.version) != version

    def _records(self, batch: Mapping[str, Any]) -> list[Any]:
        streams = self.stage.client("dynamodbstreams")
        iterator = streams.get_shard_iterator(
            StreamArn=batch["streamArn"],
            ShardId=batch["shardId"],
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber=batch["startSequenceNumber"],
        )["ShardIterator"]
        records: list[Any] = []
        last = int(batch["endSequenceNumber"])
        for _ in range(_PAGES):
            answer = streams.get_records(ShardIterator=iterator)
            page = [lambda_record(dict(each), batch["streamArn"]) for each in answer["Records"]]
            wanted = [each for each in page if int(each["dynamodb"]["SequenceNumber"]) <= last]
            records += wanted
            if len(wanted) < len(page) or (records and int(records[-1]["dynamodb"]["SequenceNumber"]) == last):
                break
            if (iterator := answer.get("NextShardIterator")) is None:
                break
        return records


def publisher(stage: Stage) -> Publisher:
    """Return what publishes a stage's events: its bus if it has one, else its topic."""
    if stage.event_bus is not None:
        return EventBus(stage.client("events"), stage.event_bus)
    return EventTopic(stage.client("sns"), stage.output("EventTopicArn"))


def source_of(stage: Stage) -> str:
    """Return the `source` of a stage's events, as app.py has it."""
    return f"urn:orders:{stage.name}"


def send(stage: Stage, queue: Queue, body: str, *, attributes: Mapping[str, Any], group: str | None, once: str) -> None:
    """Send to a queue; to a FIFO queue in the order's group, the same `once` counting once in five minutes."""
    kept = {
        name: {key: value[key] for key in ("DataType", "StringValue", "BinaryValue") if key in value}
        for name, value in attributes.items()
        if name not in _OUR_ATTRIBUTES
    }
    fifo: dict[str, str] = {}
    if queue.url.endswith(".fifo"):
        fifo = {"MessageGroupId": group or "unknown", "MessageDeduplicationId": once}
    stage.client("sqs").send_message(QueueUrl=queue.url, MessageBody=body, MessageAttributes=kept, **fifo)


def drop(stage: Stage, letter: Letter, archive: Path) -> str:
    """Make ready to be deleted: kept in a file, and an order that it would have placed stored as rejected.

    Returns what became of it. Raises Fault, OSError; then it must not be deleted.
    """
    _keep(letter, archive)
    if letter.queue.kind != "orders":
        return "kept in the file"
    if (command := _command(letter)) is None:
        return NAMES_NO_ORDER
    table = OrderTable(stage.client("dynamodb"), stage.output("OrderTable"))
    stands = process.reject_order(command, f"given up by the operator: {letter.reason}", table)
    return "stored as rejected" if stands is None else "an order with this id stands"


def _command(letter: Letter) -> commands.PlaceOrder | None:
    """The command in a letter, or one made of what can be read of it; None when it names no order."""
    document = letter.document
    if not isinstance(document, dict):
        return None
    sent = clock.from_seconds(int(time.time() - letter.age))
    stand_ins = {"placed_at": sent, "correlation_id": letter.id, "order": None}
    names = commands.PlaceOrder.model_fields
    read = {name: value for name, value in document.items() if name in names}
    for fields in (
        stand_ins | read | {"type": "PlaceOrder", "version": 1},
        stand_ins | {name: read.get(name) for name in ("order_id", "customer_id", "order")},
    ):
        try:
            return commands.decode(json.dumps(fields))
        except Poison:
            continue
    return None


def _keep(letter: Letter, archive: Path) -> None:
    """Append a letter to a file that only its owner reads, and wait until the disk has it."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with open_private(archive, "a") as file:
        file.write(json.dumps({**letter.row(), "body": letter.body, "attributes": letter.attributes}, default=str))
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())


def _named(document: Any) -> tuple[Any, Any]:
    """The order and version that a stream record or an event is about, as far as it says."""
    if at(document, "dynamodb") is not None:
        change = document["dynamodb"]
        return at(change, "Keys", "order_id", "S"), at(change, "NewImage", "version", "N")
    return at(document, "subject"), at(document, "sequence")


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Poison("not JSON") from error
