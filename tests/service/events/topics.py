"""Topics, buses and subscribers' queues in the tests' engine, and events of orders to publish to them."""

import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3
import botocore.session

from chalicelib.adapters.event_bus import EventBus
from chalicelib.adapters.event_topic import EventTopic
from chalicelib.aws import botocore_client
from chalicelib.aws.json_client import JsonClient
from chalicelib.aws.query_client import QueryClient
from chalicelib.aws.sigv4 import Credentials
from chalicelib.aws.timeouts import CallPolicy
from chalicelib.domain import events
from chalicelib.domain.events import OrderEvent
from chalicelib.domain.orders import TRANSITIONS, ErasedOrder, Order, OrderStatus
from ordersctl.shared.engine_client import client_options
from testkit.builders import LATER, an_order, fresh_order_id
from testkit.waiting import eventually

SOURCE = "urn:orders:test"


@dataclass
class EventTopics:
    engine_url: str
    aws_client: str  # AWS_CLIENT of the publishers

    def client(self, service: Any) -> Any:
        return boto3.client(service, **client_options(self.engine_url))

    @cached_property
    def sqs(self) -> Any:
        return self.client("sqs")

    def topic(self, *, fifo: bool = False) -> EventTopic:
        """A topic of its own."""
        sns, suffix = self.client("sns"), ".fifo" if fifo else ""
        attributes = {"FifoTopic": "true"} if fifo else {}
        arn = sns.create_topic(Name=f"events-{uuid.uuid4().hex}{suffix}", Attributes=attributes)["TopicArn"]
        return EventTopic(self.publishers_client("sns"), arn)

    def bus(self) -> EventBus:
        name = f"events-{uuid.uuid4().hex}"
        self.client("events").create_event_bus(Name=name)
        return EventBus(self.publishers_client("events"), name)

    def publishers_client(self, service: str) -> Any:
        """The client that the service itself uses, as wiring makes it."""
        where: Any = {"region": "us-east-1", "endpoint_url": self.engine_url, "policy": CallPolicy(1, 2, 3)}
        if self.aws_client == "botocore":
            session = botocore.session.Session()
            session.set_credentials("test", "test")
            return botocore_client.make(session, service, **where)
        make = QueryClient if service == "sns" else JsonClient
        return make(service, credentials=lambda: Credentials("test", "test", None), **where)

    def subscriber(self, to: EventTopic | EventBus, wanted: dict[str, Any] | None = None) -> "Subscriber":
        """A queue that subscribes to a topic with a filter policy, or to a bus with an event pattern."""
        fifo = isinstance(to, EventTopic) and to.arn.endswith(".fifo")
        name = f"subscriber-{uuid.uuid4().hex}{'.fifo' if fifo else ''}"
        url = self.sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true"} if fifo else {})["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        if isinstance(to, EventTopic):
            attributes = {"RawMessageDelivery": "true"}
            if wanted:
                attributes["FilterPolicy"] = json.dumps(wanted)
            self.client("sns").subscribe(TopicArn=to.arn, Protocol="sqs", Endpoint=arn, Attributes=attributes)
        else:
            rule = {"Name": name, "EventBusName": to.name}
            bus = self.client("events")
            bus.put_rule(**rule, EventPattern=json.dumps(wanted or {"source": [SOURCE]}))
            target = {"Id": "queue", "Arn": arn, "InputPath": "$.detail"}
            bus.put_targets(Rule=name, EventBusName=to.name, Targets=[target])
        return Subscriber(self.sqs, url)


@dataclass
class Subscriber:
    sqs: Any
    url: str

    def received(self, count: int) -> list[dict[str, Any]]:
        """The events in the order of their arrival, once there are at least `count` and the queue is empty."""
        seen: list[dict[str, Any]] = []

        def look() -> bool:
            while messages := self.sqs.receive_message(
                QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=0
            ).get("Messages"):
                seen.extend(json.loads(message["Body"]) for message in messages)
                entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)]
                self.sqs.delete_message_batch(QueueUrl=self.url, Entries=entries)
            return len(seen) >= count

        eventually(look, within=30)
        return seen


def random_events(count: int, seed: int = 1) -> Iterator[OrderEvent]:
    """`count` events of orders that change side by side, by any legal transition; the same for the same seed."""
    chance = random.Random(seed)
    unfinished: list[Order] = []
    for _ in range(count):
        if not unfinished or chance.random() < 1 / 3:
            order = an_order(
                order_id=fresh_order_id(),
                customer_id=f"{chance.choice(['retail', 'trade'])}-{chance.randrange(20)}",
                currency=chance.choice(["GBP", "EUR", "JPY"]),
                total=chance.randrange(100_000),
            )
            unfinished.append(order)
            yield _event(None, order)
            continue
        place = chance.randrange(len(unfinished))
        before = unfinished[place]
        after = _later(before, chance)
        yield _event(before, after)
        if isinstance(after, Order) and TRANSITIONS[after.status]:
            unfinished[place] = after
        else:
            del unfinished[place]


def _later(order: Order, chance: random.Random) -> Order | ErasedOrder:
    choices: list[OrderStatus | str] = ["erased", *sorted(TRANSITIONS[order.status])]
    if order.status in {OrderStatus.PLACED, OrderStatus.CONFIRMED}:
        choices.append("changed")
    choice = chance.choice(choices)
    if choice == "erased":
        return order.erase(LATER)
    status = order.status if choice == "changed" else OrderStatus(choice)
    return order.model_copy(update={"status": status, "version": order.version + 1, "updated_at": LATER})


def _event(before: Order | None, after: Order | ErasedOrder) -> OrderEvent:
    event = events.between(before, after, source=SOURCE)
    assert event is not None
    return event
