"""Redrives a dead letter: sends it again to its original destination. The caller deletes it afterwards.

If the process is killed between the two steps, the dead letter is still there. A message that is sent twice is a
duplicate under the same id, which every hop recognises; a dead letter that was deleted first would be lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.adapters.order_table import OrderTable
from chalicelib.adapters.queues import DeadLetterQueue
from chalicelib.application import process, publish
from chalicelib.domain import commands
from chalicelib.domain.errors import Fault, OrderNotFound, Poison
from chalicelib.domain.orders import ErasedOrder, Order
from ordersctl.operate.order_table import order_table
from ordersctl.operate.send import publisher, send_command, send_event, source_of
from ordersctl.shared.queues.dead_letters import DeadLetter, at, cloud_event
from ordersctl.shared.queues.message_json import parsed
from ordersctl.shared.stage import Stage
from ordersctl.shared.streams import lambda_record

# AWS's errors for stream records that are gone: a stream keeps them for 24 hours.
_TOO_OLD = {"TrimmedDataAccessException", "ResourceNotFoundException", "ExpiredIteratorException"}
REDRIVEN = "redriven"
_ALL_CAME_BACK = "came back: none of its records can be published, and each is now a dead letter of its own"
_SOME_CAME_BACK = "redriven, except records that cannot be published: each of those is now a dead letter of its own"
CAME_BACK = {_ALL_CAME_BACK, _SOME_CAME_BACK}
_PAGES = 1_000  # pages of a stream that are read for one batch; a page may be empty


@dataclass(frozen=True)
class Redrive:
    """Sends each kind of dead letter to its destination, unless it would come straight back."""

    stage: Stage

    @property
    def _table(self) -> OrderTable:
        return order_table(self.stage)

    def send(self, dead_letter: DeadLetter, body: str) -> str:
        """Send a dead letter, with its own body or a fixed one, and return the outcome.

        Raises Poison when it would come straight back, Fault, botocore's ClientError.
        """
        kind, source = dead_letter.queue.kind, dead_letter.queue.source
        if kind == "orders":
            assert source is not None  # noqa: S101  the order queue
            self._check_order(body)
            send_command(self.stage, source, body, once=dead_letter.id)
            return REDRIVEN
        content = _content(kind, body)
        order_id, version = _order_and_version(content)
        if self._is_erased(order_id, version):
            raise Poison("its order has been erased since, and must not be published again: drop it")
        if dead_letter.is_stream_position and body == dead_letter.body:
            return self._publish_from_stream(content["DDBStreamBatchInfo"])
        if kind == "events":
            self._publish([content], None)
        else:
            assert source is not None  # noqa: S101  the consumer's queue
            order_id = order_id if isinstance(order_id, str) else None
            send_event(
                self.stage, source, body, attributes=dead_letter.attributes, order_id=order_id, once=dead_letter.id
            )
        return REDRIVEN

    def _check_order(self, body: str) -> None:
        """Raise Poison when the processor (process.store_order) would quarantine a command again."""
        command = commands.decode(body)
        try:
            stored = self._table.get(command.order_id)
        except OrderNotFound:
            return
        if isinstance(stored, Order) and stored.fingerprint != process.order_of(command).fingerprint:
            raise Poison("idempotency-key-reused: another order has this id. Drop it, or fix its order_id")

    def _publish(self, records: list[Any], dead_letters: DeadLetterQueue | None) -> int:
        """Publish records, and return how many of them can never be published.

        Those are quarantined, or raise Poison where there is no queue for them.
        """
        poison: list[publish.PoisonRecord] = []
        done = publish.publish_changes(
            records, source=source_of(self.stage), publisher=publisher(self.stage), poison=poison
        )
        if poison and dead_letters is None:
            raise Poison(poison[0].reason)
        if done < len(records) or (dead_letters and publish.quarantine(poison, dead_letters)):
            raise Fault("it could not be published now; run the command again")
        return len(poison)

    def _publish_from_stream(self, batch: Mapping[str, Any]) -> str:
        """Publish the records that a mapping gave up; a record that can never be published is quarantined whole."""
        try:
            records = self._records(batch)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _TOO_OLD:
                raise
            raise Poison(
                "the stream keeps records for 24 hours, and these are gone: replay the orders that changed since "
                f"{batch.get('approximateArrivalOfFirstRecord')}, then drop this"
            ) from error
        records = [each for each in records if not self._is_erased(*_order_and_version(each))]
        dead_letters = DeadLetterQueue(self.stage.client("sqs"), self.stage.output("EventDeadLetterQueueUrl"))
        if not (unpublishable := self._publish(records, dead_letters)):
            return REDRIVEN
        return _ALL_CAME_BACK if unpublishable == len(records) else _SOME_CAME_BACK

    def _is_erased(self, order_id: Any, version: Any) -> bool:
        """Whether an order was erased after this version of it: its content must not be published again."""
        if not isinstance(order_id, str):
            return False
        try:
            stored = self._table.get(order_id)
        except (OrderNotFound, Poison):
            return False
        return isinstance(stored, ErasedOrder) and str(stored.version) != version

    def _records(self, batch: Mapping[str, Any]) -> list[Any]:
        """Read a batch of records from the stream, by Lambda's description of the batch (DDBStreamBatchInfo)."""
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


def _content(kind: str, body: str) -> dict[str, Any]:
    """Return the stream record (kind events) or the event (kind consumer) in a body; Poison when there is none."""
    document = _json(body)
    if kind == "events":
        if not isinstance(document, dict):
            raise Poison("not a stream record")
        return document
    event = cloud_event(document)
    if not (isinstance(event, dict) and {"id", "type", "subject"} <= event.keys()):
        raise Poison("not a CloudEvent")
    return event


def _order_and_version(document: Any) -> tuple[Any, Any]:
    """Return the order id and version that a stream record or an event names, None for one that is missing."""
    if at(document, "dynamodb") is not None:
        change = document["dynamodb"]
        return at(change, "Keys", "order_id", "S"), at(change, "NewImage", "version", "N")
    return at(document, "subject"), at(document, "sequence")


def _json(text: str) -> Any:
    try:
        return parsed(text)
    except ValueError as error:
        raise Poison("not JSON") from error
