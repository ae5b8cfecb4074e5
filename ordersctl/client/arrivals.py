"""Watches orders arrive: in the table, and as events in a queue of its own."""

import math
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING

import boto3

from chalicelib.adapters import order_items
from ordersctl.client.api import Posted
from ordersctl.shared import project
from ordersctl.shared.engine_client import client_options
from ordersctl.shared.queues.dead_letters import at
from ordersctl.shared.queues.message_json import parsed_or_none
from ordersctl.shared.queues.own_queue import own_queue
from ordersctl.shared.runs import current
from ordersctl.shared.stage import LOCAL, Stage

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import DeleteMessageBatchRequestEntryTypeDef, MessageTypeDef

POLL_SECONDS = 0.01
BATCH_GET_KEYS = 100  # the most that BatchGetItem takes
LAST_LOOK_SECONDS = 5.0


@dataclass
class Arrivals:
    """Observations by order id; times are in seconds since the epoch. Only one thread writes each field."""

    waiting: deque[str] = field(default_factory=deque)  # order ids, added by the thread that posts them
    stored: dict[str, float] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    published: dict[str, float] = field(default_factory=dict)
    messages: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # event id -> message ids
    watchers: list[Future[None]] = field(default_factory=list)

    def missing(self, orders: Iterable[Posted]) -> tuple[list[str], list[str]]:
        """Return the ids of the orders that were not seen in the table, and of those whose event was not seen."""
        ids = [order.order_id for order in orders]
        return [i for i in ids if i not in self.stored], [i for i in ids if i not in self.published]

    def repeated(self, orders: Iterable[Posted]) -> list[str]:
        """Return the ids of the first events that came in more than one message."""
        first_events = (_first_event(order.order_id) for order in orders)
        return [event for event in first_events if len(self.messages.get(event, ())) > 1]

    def seconds_to_stored(self, orders: Iterable[Posted]) -> list[float]:
        # An event comes from a stored order: if the event was seen first, its time is closer to the order's.
        return [
            min(self.stored[o.order_id], self.published.get(o.order_id, math.inf)) - o.sent_at
            for o in orders
            if o.order_id in self.stored
        ]

    def seconds_to_published(self, orders: Iterable[Posted]) -> list[float]:
        return [self.published[o.order_id] - o.sent_at for o in orders if o.order_id in self.published]


@contextmanager
def watching() -> Iterator[Arrivals]:
    """Watch the table and the topic until the block ends; botocore's errors if they do not exist.

    The topic is watched through a queue of its own: messages of a consumer's queue are that consumer's.
    """
    options = client_options(current.engine_url())
    sqs, dynamodb = boto3.client("sqs", **options), boto3.client("dynamodb", **options)
    arrivals, stop = Arrivals(), Event()
    with own_queue(Stage.at(LOCAL), []) as queue_url, ThreadPoolExecutor(2) as threads:
        arrivals.watchers = [
            threads.submit(_watch_events, sqs, queue_url, arrivals, stop),
            threads.submit(_watch_table, dynamodb, arrivals, stop),
        ]
        try:
            yield arrivals
        finally:
            stop.set()


def wait_for_all(arrivals: Arrivals, orders: list[Posted], timeout_seconds: float, tick: Callable[[int], None]) -> bool:
    """Return whether all orders were seen stored and published in time; `tick` is called with their number so far."""
    until = time.monotonic() + timeout_seconds
    while True:
        for watcher in arrivals.watchers:
            if watcher.done():
                watcher.result()  # a watcher ends early only because of an error, which this raises
        not_stored, not_published = arrivals.missing(orders)
        tick(len(orders) - len({*not_stored, *not_published}))
        if not (not_stored or not_published):
            return True
        if time.monotonic() > until:
            return False
        time.sleep(POLL_SECONDS * 10)  # a shorter pause would only slow the watchers' threads


def percentile(values: list[float], percent: float) -> float:
    """Return the nearest-rank percentile: the smallest value that `percent` of them do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def _watch_events(sqs: "SQSClient", queue_url: str, arrivals: Arrivals, stop: Event) -> None:
    """Receive events as a consumer does until `stop` is set, and then those that are still in the queue."""
    last_look: float | None = None
    while True:
        if last_look is None and stop.is_set():
            last_look = time.monotonic() + LAST_LOOK_SECONDS
        messages = sqs.receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=1,
            MessageSystemAttributeNames=["SentTimestamp"],
        ).get("Messages", [])
        noted = [message for message in messages if _note(message, arrivals)]
        if noted:
            entries: list[DeleteMessageBatchRequestEntryTypeDef] = [
                {"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(noted)
            ]
            sqs.delete_message_batch(QueueUrl=queue_url, Entries=entries)
        if last_look is not None and (not messages or time.monotonic() > last_look):
            return


def _note(message: "MessageTypeDef", arrivals: Arrivals) -> bool:
    """Note the event in a message; False when the message holds none, and is left in the queue."""
    event = parsed_or_none(message["Body"])
    event_id, order_id = at(event, "id"), at(event, "subject")
    if not (isinstance(event_id, str) and isinstance(order_id, str)):
        return False
    # By message id: a message that is received twice is not an event that was published twice.
    arrivals.messages[event_id].add(message["MessageId"])
    if event_id == _first_event(order_id):
        sent_at = int(message["Attributes"]["SentTimestamp"]) / 1000
        arrivals.published.setdefault(order_id, sent_at)
    return True


def _first_event(order_id: str) -> str:
    return f"{order_id}.1"


def _watch_table(dynamodb: "DynamoDBClient", arrivals: Arrivals, stop: Event) -> None:
    """Read the orders from the table, a batch at a time and in turn, until `stop` is set.

    They are not read through the API, whose measured times that would change.
    """
    table = project.setting("ORDER_TABLE")
    waiting = arrivals.waiting
    while not stop.wait(POLL_SECONDS):
        batch = [waiting.popleft() for _ in range(min(len(waiting), BATCH_GET_KEYS))]
        if not batch:
            continue
        found = dynamodb.batch_get_item(
            RequestItems={
                table: {
                    "Keys": [order_items.key(order_id) for order_id in batch],
                    "ProjectionExpression": "order_id, #status",
                    "ExpressionAttributeNames": {"#status": "status"},
                }
            }
        )["Responses"].get(table, [])
        now = time.time()
        for item in found:
            order_id = item["order_id"]["S"]
            arrivals.statuses[order_id] = item["status"]["S"]
            arrivals.stored[order_id] = now
        waiting.extend(order_id for order_id in batch if order_id not in arrivals.stored)
