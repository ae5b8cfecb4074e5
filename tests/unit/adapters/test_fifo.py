"""FIFO queues and topics, by their names."""

from typing import Any

import pytest

from chalicelib.adapters import fifo


@pytest.mark.parametrize(
    ("name", "is_fifo"),
    [
        ("arn:aws:sns:us-east-1:1:orders-events.fifo", True),
        ("https://sqs.us-east-1.amazonaws.com/1/orders-queue.fifo", True),
        ("https://sqs.us-east-1.amazonaws.com/1/orders-queue", False),
        ("fifo", False),
    ],
)
def test_a_fifo_queue_or_topic_is_known_by_its_name(name: str, *, is_fifo: bool) -> None:
    assert fifo.is_fifo(name) is is_fifo


@pytest.mark.parametrize(
    ("message", "group"),
    [
        ({"eventSourceARN": "arn:aws:sqs:us-east-1:1:q.fifo", "attributes": {"MessageGroupId": "g"}}, "g"),
        ({"eventSourceARN": "arn:aws:sqs:us-east-1:1:q", "attributes": {"MessageGroupId": "g"}}, None),
        ({"eventSourceARN": "arn:aws:sqs:us-east-1:1:q", "attributes": {}}, None),
        ({"attributes": {"MessageGroupId": "g"}}, None),
    ],
)
def test_only_the_groups_of_a_fifo_queue_keep_an_order(message: dict[str, Any], group: str | None) -> None:
    assert fifo.group_of(message) == group
