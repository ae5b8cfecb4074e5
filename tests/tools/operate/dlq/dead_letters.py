"""Messages that become dead letters in these tests."""

import json
from typing import Any

from chalicelib.domain import events
from chalicelib.domain.orders import Order
from testkit import lambda_events

DEAD = {"orders": "queue-dlq", "events": "events-dlq", "inventory": "inventory-dlq"}
KEY_REUSED = "idempotency-key-reused: another order has this id"


def an_event(order: Order) -> dict[str, Any]:
    event = events.between(None, order, source="urn:orders:local")
    assert event is not None
    document: dict[str, Any] = json.loads(event.to_json())
    return document


def a_record(order: Order) -> dict[str, Any]:
    return lambda_events.stream_record(None, order)
