"""FIFO queues and topics: only the name's ending, .fifo, says that a queue or topic is FIFO."""

from collections.abc import Mapping
from typing import Any

SUFFIX = ".fifo"


def is_fifo(name: str) -> bool:
    """Whether this name, ARN or URL is that of a FIFO queue or topic."""
    return name.endswith(SUFFIX)


def group_of(message: Mapping[str, Any]) -> str | None:
    """The group of a FIFO queue's message; None for a standard queue, where a group is for fairness, not for order."""
    if not is_fifo(str(message.get("eventSourceARN"))):
        return None
    return str(message["attributes"]["MessageGroupId"])
