"""FIFO queues and topics: SQS and SNS have their names end in .fifo, and nothing else says what they are."""

from collections.abc import Mapping
from typing import Any

SUFFIX = ".fifo"


def is_fifo(name: str) -> bool:
    """Whether this name, ARN or URL is a FIFO queue's or topic's."""
    return name.endswith(SUFFIX)


def group_of(message: Mapping[str, Any]) -> str | None:
    """The group of a FIFO queue's message; None of a standard queue's: there a group is for fairness, not for order."""
    if not is_fifo(str(message.get("eventSourceARN"))):
        return None
    return str(message["attributes"]["MessageGroupId"])
