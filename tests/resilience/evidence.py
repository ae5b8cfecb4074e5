"""What a life leaves behind for the checker, and what intruders put in its way."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any


@dataclass
class Evidence:
    """All that is known from outside when everything has come to rest; JSON values only."""

    history: list[dict[str, Any]]
    table: dict[str, Any]
    published: list[dict[str, Any]]  # events, in the order in which the topic took them
    quarantined: list[dict[str, str]]  # {body, reason}: of the order dead-letter queue
    quarantined_records: list[dict[str, str]]
    intruded: list[str]  # bodies that no API door sent
    intruded_items: list[str]  # their order ids
    unfinished: int

    def digest(self) -> str:
        return hashlib.sha256(json.dumps(vars(self), sort_keys=True).encode()).hexdigest()[:16]


def impossible_command(order_id: str, customer: str) -> str:
    """A whole envelope, of an order that cannot be."""
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
