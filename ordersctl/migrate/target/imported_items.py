"""What an import keeps in the item of an order, beside the order: the only place that knows these attributes."""

import hashlib

from chalicelib.adapters import order_items
from chalicelib.adapters.order_items import IMPORTED_VERSION, QUIET_VERSION
from chalicelib.domain.orders import ErasedOrder, Order

SOURCE_KEY = "source_key"  # "<source>/<number>"
LEGACY_AT = "legacy_at"  # where in the log the order was as it is stored: a Position's stamp, the copy's generation
LEGACY_DIGEST = "legacy_digest"  # of the order as the import wrote it
GONE = "gone"  # the digest of an order whose row was deleted

__all__ = ["GONE", "IMPORTED_VERSION", "LEGACY_AT", "LEGACY_DIGEST", "QUIET_VERSION", "SOURCE_KEY"]

# What is not the source's: who counts, and marks of requests to this service.
_OURS = {"version", "traceparent", "change_id"}

Item = order_items.Item


def digest(order: Order) -> str:
    """A hash of all that the source says of an order."""
    return hashlib.sha256(order.model_dump_json(exclude=_OURS, exclude_none=True).encode()).hexdigest()[:32]


def digest_of_stored(item: Item) -> str:
    """The digest of an order as it is stored, computed anew; GONE for a tombstone. Raises Poison."""
    stored = order_items.from_item(item)
    return GONE if isinstance(stored, ErasedOrder) else digest(stored)


def source_key(source: str, key: int) -> str:
    return f"{source}/{key}"


def key_of(item: Item, source: str) -> int | None:
    """The number that an item's order had in a source; None when it did not come from there."""
    name, _, number = str(item.get(SOURCE_KEY, {"S": ""})["S"]).rpartition("/")
    return int(number) if name == source else None


def is_gone(item: Item) -> bool:
    """Whether the import has removed an order, or cancelled or kept it by rule, because its row was deleted."""
    return str(item[LEGACY_DIGEST]["S"]) == GONE


def is_owned(item: Item) -> bool:
    """Whether this service has changed an order since its import, or has made it: an import must not overwrite it."""
    return not order_items.is_imported(item)
