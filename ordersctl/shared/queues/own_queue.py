"""A temporary queue, subscribed to a stage's topic while a command listens."""

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.adapters import fifo
from ordersctl.shared.output import say
from ordersctl.shared.stage import Stage

LISTENER = "-listen-"  # in the name of every queue that is made here
HEARTBEAT_SECONDS = 60
_ABANDONED_AFTER_SECONDS = 5 * HEARTBEAT_SECONDS
_HEARTBEAT = "orders:listening-at"  # a tag with the time (seconds since the epoch), renewed while a command listens


@contextmanager
def own_queue(stage: Stage, types: list[str], *, visibility: int = 30) -> Iterator[str]:
    """Subscribe a new queue to the topic, yield its URL, and delete queue and subscription at the end.

    `types` are the events to receive, all when it is empty; `visibility` is the queue's visibility timeout in seconds.
    Queues whose listener was killed are deleted first.
    """
    _delete_abandoned(stage)
    url = _create(stage, visibility)
    try:
        _subscribe(stage, url, types)
        yield url
    finally:
        _delete(stage, url)


def heartbeat(stage: Stage, url: str) -> None:
    """Mark a queue as still in use; due every HEARTBEAT_SECONDS."""
    stage.client("sqs").tag_queue(QueueUrl=url, Tags={_HEARTBEAT: _now()})


def _now() -> str:
    return str(int(time.time()))


def _create(stage: Stage, visibility: int) -> str:
    is_fifo = fifo.is_fifo(stage.output("EventTopicArn"))
    answer = stage.client("sqs").create_queue(
        QueueName=f"orders-{stage.name}{LISTENER}{secrets.token_hex(4)}{fifo.SUFFIX if is_fifo else ''}",
        Attributes={
            "MessageRetentionPeriod": "3600",
            "VisibilityTimeout": str(visibility),
            **({"FifoQueue": "true"} if is_fifo else {}),
        },
        tags={_HEARTBEAT: _now()},
    )
    return str(answer["QueueUrl"])


def _subscribe(stage: Stage, url: str, types: list[str]) -> None:
    sqs, topic = stage.client("sqs"), stage.output("EventTopicArn")
    arn = stage.queue_arn(url)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": _policy(arn, topic)})
    attributes = {"RawMessageDelivery": "true"}
    if types:
        attributes["FilterPolicy"] = json.dumps({"type": types})
    stage.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)


def _policy(queue_arn: str, topic_arn: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _delete_abandoned(stage: Stage) -> None:
    """Delete queues without a recent heartbeat: their listener was killed."""
    sqs = stage.client("sqs")
    for url in sqs.list_queues(QueueNamePrefix=f"orders-{stage.name}{LISTENER}").get("QueueUrls", []):
        beat = sqs.list_queue_tags(QueueUrl=url).get("Tags", {}).get(_HEARTBEAT)
        if beat is not None and time.time() - int(beat) > _ABANDONED_AFTER_SECONDS:
            _delete(stage, url)
            say(f"Deleted the queue {url.rpartition('/')[2]}, whose listener is gone.", err=True)


def _delete(stage: Stage, url: str) -> None:
    """Delete a queue after its subscriptions, so that nothing is sent to a queue that is gone."""
    sns = stage.client("sns")
    pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=stage.output("EventTopicArn"))
    for each in [each for page in pages for each in page["Subscriptions"]]:
        if each["Endpoint"].rpartition(":")[2] == url.rpartition("/")[2]:
            sns.unsubscribe(SubscriptionArn=each["SubscriptionArn"])
    stage.client("sqs").delete_queue(QueueUrl=url)
