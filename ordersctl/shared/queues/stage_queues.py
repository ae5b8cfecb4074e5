"""The queues of a stage: its own from the stack's outputs, those of consumers from the topic's subscriptions."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import click
from botocore.exceptions import ClientError

from chalicelib.adapters import fifo
from ordersctl.shared.queues.own_queue import LISTENER
from ordersctl.shared.stage import Stage

# Errors for a subscribed queue that was deleted, or is in an account that does not let us see it.
_UNREACHABLE = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "AccessDenied", "AccessDeniedException"}
BY_ATTRIBUTES = "MessageAttributes"  # SNS's default for FilterPolicyScope


@dataclass(frozen=True)
class Queue:
    """One queue. `name` is the name that the operator types; `source` is the queue before a dead-letter queue."""

    name: str
    kind: Literal["orders", "events", "consumer"]
    url: str
    source: "Queue | None" = None
    filter_policy: str | None = None  # of a consumer's subscription, JSON
    filter_scope: str = BY_ATTRIBUTES  # what that policy is about: a message's attributes, or its body
    is_raw: bool = True  # whether a consumer's messages are events, without the envelope of SNS

    @property
    def full_name(self) -> str:
        return self.url.rpartition("/")[2]

    @property
    def is_fifo(self) -> bool:
        return fifo.is_fifo(self.url)


@dataclass(frozen=True)
class StageQueues:
    live: tuple[Queue, ...]
    dead: tuple[Queue, ...]  # dead-letter queues

    @classmethod
    def of(cls, stage: Stage) -> "StageQueues":
        orders = Queue("orders", "orders", stage.output("OrderQueueUrl"))
        live = [orders]
        dead = [
            Queue("orders", "orders", stage.output("OrderDeadLetterQueueUrl"), source=orders),
            Queue("events", "events", stage.output("EventDeadLetterQueueUrl")),
        ]
        for consumer, dead_letter_arns in _consumers(stage):
            live.append(consumer)
            dead += [
                Queue(consumer.name, "consumer", url, source=consumer)
                for arn in sorted(dead_letter_arns)
                if (url := _url(stage, arn)) is not None
            ]
        return cls(tuple(live), tuple(dead))

    def dead_named(self, name: str | None) -> tuple[Queue, ...]:
        """Return the dead-letter queues of this name, all for None; BadParameter when there is none."""
        found = tuple(queue for queue in self.dead if name in (None, queue.name))
        if not found:
            known = ", ".join(sorted({queue.name for queue in self.dead}))
            raise click.BadParameter(f"there is no {name}; there are {known}.", param_hint="--queue")
        return found

    def consumer(self, name: str) -> Queue:
        """Return a consumer's queue; BadParameter when there is none."""
        for queue in self.live:
            if queue.kind == "consumer" and name in (queue.name, queue.full_name):
                return queue
        known = ", ".join(queue.name for queue in self.live if queue.kind == "consumer")
        raise click.BadParameter(f"no consumer has the queue {name}; there are {known}.", param_hint="--to")


def _consumers(stage: Stage) -> Iterator[tuple[Queue, set[str]]]:
    """Yield every queue that is subscribed to the topic, with the ARNs of its dead-letter queues."""
    sns = stage.client("sns")
    pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=stage.output("EventTopicArn"))
    subscriptions = [each for page in pages for each in page["Subscriptions"] if each["Protocol"] == "sqs"]
    for each in sorted(subscriptions, key=lambda each: each["Endpoint"]):
        full_name = each["Endpoint"].rpartition(":")[2]
        if LISTENER in full_name or (url := _url(stage, each["Endpoint"])) is None:
            continue
        subscription = sns.get_subscription_attributes(SubscriptionArn=each["SubscriptionArn"])["Attributes"]
        dead_letter_arns = {
            str(json.loads(attributes["RedrivePolicy"])["deadLetterTargetArn"])
            for attributes in (subscription, stage.queue_attributes(url, "RedrivePolicy"))
            if attributes.get("RedrivePolicy")
        }
        name = full_name.removeprefix(f"orders-{stage.name}-").removesuffix(fifo.SUFFIX)
        policy, scope = subscription.get("FilterPolicy"), subscription.get("FilterPolicyScope", BY_ATTRIBUTES)
        is_raw = subscription.get("RawMessageDelivery") == "true"
        yield Queue(name, "consumer", url, filter_policy=policy, filter_scope=scope, is_raw=is_raw), dead_letter_arns


def _url(stage: Stage, arn: str) -> str | None:
    """Return the URL of a queue; None when it cannot be reached."""
    account, name = arn.split(":")[4:6]
    try:
        answer: dict[str, Any] = stage.client("sqs").get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)
    except ClientError as error:
        if error.response["Error"]["Code"] in _UNREACHABLE:
            return None
        raise
    return str(answer["QueueUrl"])
