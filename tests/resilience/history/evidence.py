"""The evidence that a simulation run leaves for the checker, and a command that no order can come from."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any


@dataclass
class Evidence:
    """What is visible from outside after a run has ended, as JSON values."""

    history: list[dict[str, Any]]
    table: dict[str, Any]
    published: list[dict[str, Any]]  # events, in the order in which the topic took them
    quarantined: list[dict[str, str]]  # {body, reason, source}: of the order dead-letter queue
    quarantined_records: list[dict[str, str]]  # {body, reason, source}: of the event dead-letter queue
    dropped: list[dict[str, str]]  # {body, queue}: what operators dropped and kept in their file
    replays: list[tuple[int, int]]  # as each replay began: events published, versions that must be
    written: list[str]  # the versions of orders in the order of the stream, named as events are
    repeats_allowed: dict[str, int]  # source -> how often a fault may have repeated its dead letter
    injected_messages: list[str]  # bodies that the API did not send
    injected_items: list[str]  # order ids of items that the service did not write
    unfinished: int  # clients and messages

    def digest(self) -> str:
        """A hash: two runs with the same digest had the same history."""
        return hashlib.sha256(json.dumps(vars(self), sort_keys=True).encode()).hexdigest()[:16]


def impossible_command(order_id: str, customer: str) -> str:
    """A well-formed command whose order is invalid."""
    command = {
        "type": "PlaceOrder",
        "version": 1,
        "order_id": order_id,
        "customer_id": customer,
        "placed_at": "2026-01-31T12:00:00.000Z",
        "correlation_id": "intruder",
        "order": {"currency": "???", "items": []},
    }
    return json.dumps(command)


def reported_failures(answer: Any, known: set[str]) -> set[str] | None:
    """The failed entries of a handler's report; None for all, which is how Lambda treats a malformed report."""
    try:
        failed = {entry["itemIdentifier"] for entry in (answer or {}).get("batchItemFailures") or []}
    except (AttributeError, KeyError, TypeError):
        return None
    return failed if failed <= known else None
