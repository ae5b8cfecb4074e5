"""Dead letters: what lies in a dead-letter queue, whose order it is about, and why it is there."""

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ordersctl.operate.stage_queues import Queue
from ordersctl.shared.stage import Stage

HOLD_SECONDS = 30  # how long what was received is out of sight, should this process be killed
_AT_ONCE = 10  # SQS: the most of one receive, delete or change of visibility
_MOVED = "received too often, moved here by SQS"


@dataclass(frozen=True)
class Letter:
    """One message of a dead-letter queue; `receipt` is good until its hold is over."""

    queue: Queue
    message: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.message["MessageId"])

    @property
    def body(self) -> str:
        return str(self.message["Body"])

    @property
    def attributes(self) -> dict[str, Any]:
        return self.message.get("MessageAttributes") or {}

    @property
    def age(self) -> float:
        """Seconds since it was sent."""
        return max(0.0, time.time() - int(self.message["Attributes"]["SentTimestamp"]) / 1_000)

    @property
    def document(self) -> Any:
        """The body as a JSON value; None when it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def reason(self) -> str:
        for name in ("reason", "ErrorMessage", "ErrorCode"):  # ours; what SNS says of what it could not deliver
            if name in self.attributes:
                return str(self.attributes[name]["StringValue"])
        if self.is_stream_position:
            return f"the stream's records could not be published: {at(self.document, 'requestContext', 'condition')}"
        return _MOVED

    @property
    def order_id(self) -> str | None:
        """The order that it is about; None when it names none."""
        document = self.document
        found = {
            "orders": lambda: at(document, "order_id"),
            "events": lambda: at(document, "dynamodb", "Keys", "order_id", "S"),
            "consumer": lambda: at(cloud_event(document), "subject"),
        }[self.queue.kind]()
        return found if isinstance(found, str) else None

    @property
    def is_stream_position(self) -> bool:
        """Whether this is what Lambda's mapping leaves of records it gave up: where they are, not what they are."""
        return self.queue.kind == "events" and isinstance(at(self.document, "DDBStreamBatchInfo"), dict)

    def row(self) -> dict[str, Any]:
        return {
            "queue": self.queue.name,
            "id": self.id,
            "age": round(self.age),
            "order_id": self.order_id,
            "reason": self.reason,
        }


def cloud_event(document: Any) -> Any:
    """The event in what a consumer's queue holds: the document itself, or what SNS wrapped around it."""
    if at(document, "Type") == "Notification":
        try:
            return json.loads(document["Message"])
        except (KeyError, TypeError, ValueError):
            return None
    return document


def look_through(
    stage: Stage, queue: Queue, *, most: int = sys.maxsize, at_once: int = _AT_ONCE, hold_seconds: int = HOLD_SECONDS
) -> Iterator[Letter]:
    """Yield each letter of a queue once, held out of others' sight; at the end those that still lie there are let go.

    A dead-letter queue has no redrive policy of its own, so that receiving from it moves nothing.
    """
    sqs = stage.client("sqs")
    seen: dict[str, Letter] = {}
    stale = 0  # receives in a row that only brought what comes round again, its hold being over
    try:
        while stale <= len(seen) / _AT_ONCE and len(seen) < most:
            messages = sqs.receive_message(
                QueueUrl=queue.url,
                MaxNumberOfMessages=min(at_once, _AT_ONCE, most - len(seen)),
                VisibilityTimeout=hold_seconds,
                WaitTimeSeconds=stage.wait_seconds,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            ).get("Messages", [])
            fresh = [Letter(queue, message) for message in messages if message["MessageId"] not in seen]
            seen |= {message["MessageId"]: Letter(queue, message) for message in messages}
            if not messages:
                return
            stale = 0 if fresh else stale + 1
            yield from fresh
    finally:
        _let_go(sqs, queue, list(seen.values()))


def open_private(path: Path, mode: str) -> IO[str]:
    """Open a file that only its owner reads, for it holds what customers sent; raises OSError."""
    file = open(path, mode, encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600))  # noqa: SIM115
    os.fchmod(file.fileno(), 0o600)  # it may have been there
    return file


def delete(stage: Stage, letter: Letter) -> None:
    stage.client("sqs").delete_message(QueueUrl=letter.queue.url, ReceiptHandle=letter.message["ReceiptHandle"])


def in_flight(stage: Stage, queue: Queue) -> int:
    """How many of a queue's messages somebody holds: another operator, or one that was killed."""
    answer = stage.client("sqs").get_queue_attributes(
        QueueUrl=queue.url, AttributeNames=["ApproximateNumberOfMessagesNotVisible"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessagesNotVisible"])


def _let_go(sqs: Any, queue: Queue, letters: Sequence[Letter]) -> None:
    # What was deleted meanwhile fails here, entry by entry, and is not missed.
    for start in range(0, len(letters), _AT_ONCE):
        entries = [
            {"Id": str(number), "ReceiptHandle": letter.message["ReceiptHandle"], "VisibilityTimeout": 0}
            for number, letter in enumerate(letters[start : start + _AT_ONCE])
        ]
        sqs.change_message_visibility_batch(QueueUrl=queue.url, Entries=entries)


def at(value: Any, *path: str) -> Any:
    """Return what stands at a path of a JSON value; None when nothing does."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value
