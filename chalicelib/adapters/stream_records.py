"""Records of the orders table's stream, as Lambda passes them to a function (DynamoDB Streams, NEW_AND_OLD_IMAGES)."""

import json
from collections.abc import Mapping
from typing import Any

from chalicelib.adapters import order_items
from chalicelib.domain.errors import Poison
from chalicelib.domain.orders import ErasedOrder, Order

StreamRecord = Mapping[str, Any]


def images(record: StreamRecord) -> tuple[Order | ErasedOrder | None, Order | ErasedOrder | None]:
    """The order before and after a change; None where it did not exist. Raises Poison."""
    change = record.get("dynamodb")
    if not isinstance(change, dict):
        raise Poison("not a stream record")
    before, after = (
        None if change.get(name) is None else order_items.from_item(change[name]) for name in ("OldImage", "NewImage")
    )
    if before is None and after is None:
        raise Poison("a stream record without an image")
    return before, after


def is_quiet(record: StreamRecord) -> bool:
    """Whether a readable record is an import's that is to be published to nobody."""
    return order_items.is_quiet(record["dynamodb"].get("NewImage") or {})


def is_imported(record: StreamRecord) -> bool:
    """Whether a readable record is an import's: how old its order is says nothing about this service."""
    return order_items.is_imported(record["dynamodb"].get("NewImage") or {})


def event_id(record: StreamRecord) -> str:
    """The id that the stream gave to the record, the same at every delivery."""
    return str(record.get("eventID", ""))


def to_json(record: StreamRecord) -> str:
    # Characters are not escaped: with two images of 400 KB each, escapes could exceed the 1 MiB of an SQS message.
    return json.dumps(record, default=str, ensure_ascii=False)
