"""Dead letters: the messages of a dead-letter queue, which order each is about, and why it is there."""

import hashlib
import time
from dataclasses import dataclass
from typing import Any

from ordersctl.shared.queues.message_json import parsed_or_none
from ordersctl.shared.queues.stage_queues import Queue
from ordersctl.shared.stage import Stage

_MOVED = "received too often, moved here by SQS"


@dataclass(frozen=True)
class DeadLetter:
    """One message of a dead-letter queue; its receipt handle is valid during the walk that received it."""

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
    def repeats(self) -> tuple[str, str, str] | None:
        """The key that repetitions of one dead letter share; None when its source is not known."""
        source = self.attributes.get("source", {}).get("StringValue")
        return None if source is None else (self.queue.url, source, hashlib.sha256(self.body.encode()).hexdigest())

    @property
    def document(self) -> Any:
        """The body as a JSON value; None when it is not JSON."""
        return parsed_or_none(self.body)

    @property
    def reason(self) -> str:
        # the service's own attribute; the error with which SNS could not deliver
        for name in ("reason", "ErrorMessage", "ErrorCode"):
            if (value := self.attributes.get(name, {}).get("StringValue")) is not None:  # bytes have none
                return str(value)
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
        """Whether it is a mapping's message about records that it gave up: the records' position, not the records."""
        return self.queue.kind == "events" and isinstance(at(self.document, "DDBStreamBatchInfo"), dict)

    def row(self) -> dict[str, Any]:
        """Return the fields that tables and JSON show."""
        return {
            "queue": self.queue.name,
            "id": self.id,
            "age": round(self.age),
            "order_id": self.order_id,
            "reason": self.reason,
        }


def in_flight(stage: Stage, queue: Queue) -> int:
    """Return how many of a queue's messages are held by another command, running or killed."""
    name = "ApproximateNumberOfMessagesNotVisible"
    return int(stage.queue_attributes(queue.url, name)[name])


def depth(stage: Stage, url: str) -> int:
    """Return how many messages a queue has, those that another command holds too."""
    names = "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"
    return sum(map(int, stage.queue_attributes(url, *names).values()))


def cloud_event(document: Any) -> Any:
    """Return the event of a consumer's message: the document itself, or the one in SNS's notification."""
    if at(document, "Type") == "Notification":
        message = document.get("Message")
        return parsed_or_none(message) if isinstance(message, str) else None
    return document


def at(value: Any, *path: str) -> Any:
    """Return the value at a path of a JSON value; None when there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value
