"""Which events each sample subscriber receives: the template's subscriptions, as they are deployed."""

import json
from collections import Counter
from typing import Any

import boto3
import pytest

from chalicelib.adapters.event_topic import EventTopic
from ordersctl.local.consumers import NAMES
from ordersctl.local.engine import deploy
from ordersctl.shared.engine_client import client_options
from tests.service.events.topics import Subscriber, random_events

STAGE = "filters"
TYPES: dict[str, set[str] | None] = {  # None: everything
    "inventory": {"order.placed", "order.cancelled"},
    "invoicing": None,
    "fulfilment": {"order.confirmed", "order.cancelled"},
}


@pytest.fixture(scope="module")
def topic(engine_url: str) -> EventTopic:
    arn = deploy(engine_url, stage=STAGE)["EventTopicArn"]
    return EventTopic(boto3.client("sns", **client_options(engine_url)), arn)


def test_every_subscription_has_exactly_its_filter(topic: EventTopic, engine_url: str) -> None:
    sns: Any = boto3.client("sns", **client_options(engine_url))
    filters: dict[str, set[str] | None] = {}
    for each in sns.list_subscriptions_by_topic(TopicArn=topic.arn)["Subscriptions"]:
        attributes = sns.get_subscription_attributes(SubscriptionArn=each["SubscriptionArn"])["Attributes"]
        policy = json.loads(attributes.get("FilterPolicy") or "{}")
        assert policy.keys() <= {"type"}
        filters[each["Endpoint"].rpartition("-")[2]] = set(policy["type"]) if policy else None
    assert filters == TYPES


def test_each_sample_subscriber_gets_exactly_its_events_of_a_thousand_mixed_changes(
    topic: EventTopic, engine_url: str
) -> None:
    events, sqs = list(random_events(1_000)), boto3.client("sqs", **client_options(engine_url))
    assert topic.publish(events) == []
    for name in NAMES:
        wanted = TYPES[name]
        expected = [event.id for event in events if wanted is None or event.type in wanted]
        assert len(expected) >= 100, "the filter matches too few events to show anything"
        url = sqs.get_queue_url(QueueName=f"orders-{STAGE}-{name}")["QueueUrl"]
        assert Counter(event["id"] for event in Subscriber(sqs, url).received(len(expected))) == Counter(expected), name
