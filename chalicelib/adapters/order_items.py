"""Orders as items of the table: the only module that knows the attribute names.

Each field of Order has an attribute of its own name, but for those in NAMES. Inside a line item and an adjustment
names are one letter long: they are stored as often as there are lines, and ten lines should stay within 1 KB, one write
unit.
"""

import hashlib
from types import MappingProxyType
from typing import Any

from chalicelib.adapters.attribute_values import Attributes, Codec, Names, update_expression
from chalicelib.domain.errors import Poison
from chalicelib.domain.orders import SUMMARY, ErasedOrder, Order, OrderStatus
from chalicelib.domain.parts import Adjustment, LineItem
from chalicelib.settings import Spread

INDEX = "by-customer"
ORDER_ID = "order_id"
CUSTOMER_ID = "customer_id"  # the index's key: the customer's id, or one of several keys of a spread customer
PLACED_KEY = "placed_key"  # "<placed_at>#<order_id>": unique, and sorts by time
STATUS = "status"
REFERENCE = "reference"
VERSION = "version"
ITEM_COUNT = "item_count"
CHANGE_ID = "change_id"  # the marks of the last writes, newest first: a repeated write recognises its own
# Of an order that `ordersctl migrate` has imported: the version that it wrote last, and the same number again when that
# version is to be published to nobody.
IMPORTED_VERSION = "imported_version"
QUIET_VERSION = "quiet_version"

NAMES: Names = {
    Order: {"placed_at": PLACED_KEY},
    LineItem: {"sku": "s", "name": "n", "quantity": "q", "unit_price": "p"},
    Adjustment: {"type": "t", "label": "l", "amount": "a", "included": "i"},
}

Item = Attributes

_ORDER, _ERASED = Codec(Order, NAMES), Codec(ErasedOrder, NAMES)
ATTRIBUTES = frozenset({*_ORDER.attributes.values(), PLACED_KEY, ITEM_COUNT})  # all that an order's item may have
PROJECTED = {_ORDER.attributes[field] for field in SUMMARY} | {ITEM_COUNT}  # what the index holds, its keys included


def key(order_id: str) -> dict[str, Any]:
    return {ORDER_ID: {"S": order_id}}


def index_keys(customer_id: str, spread: Spread) -> list[str]:
    """The values of CUSTOMER_ID under which the index may have a customer's orders.

    The first is the customer's own id, which is all that a customer has who is not spread: so nothing moves when one
    is. No customer's id has a "#".
    """
    if customer_id not in spread:
        return [customer_id]
    return [customer_id, *(f"{customer_id}#{shard}" for shard in range(1, spread[customer_id].read))]


def customer_of(index_key: str) -> str:
    """The customer who has a key of the index."""
    return index_key.partition("#")[0]


def first_of_further_keys(customer_id: str) -> str:
    """What the keys of a spread customer begin with, except the first, which is the customer's id."""
    return f"{customer_id}#"


def start_key(index_key: str, placed_key: str) -> dict[str, Any]:
    """Where a query under a key of the index continues, made of a cursor's content.

    It need not be the key of an entry: DynamoDB only compares it.
    """
    _, _, order_id = placed_key.partition("#")
    return {**key(order_id), CUSTOMER_ID: {"S": index_key}, PLACED_KEY: {"S": placed_key}}


def may_be_of(item: Item, owner: str | None) -> bool:
    """Whether an item is that customer's, or a tombstone, which names nobody; owner None is any customer."""
    return owner is None or CUSTOMER_ID not in item or customer_of(item[CUSTOMER_ID].get("S", "")) == owner


def to_item(order: Order | ErasedOrder, spread: Spread = MappingProxyType({})) -> dict[str, Any]:
    if isinstance(order, ErasedOrder):
        # No customer and no placed_key: an erased order drops out of the index.
        return _ERASED.dump(order) | {STATUS: {"S": OrderStatus.ERASED.value}}
    item = _ORDER.dump(order) | {
        PLACED_KEY: {"S": f"{order.placed_at}#{order.order_id}"},
        ITEM_COUNT: {"N": str(order.item_count)},
    }
    if order.customer_id in spread:
        item[CUSTOMER_ID] = {"S": _index_key(order, spread[order.customer_id].written)}
    return item


def update(before: Order, after: Order, mark: Item) -> dict[str, Any]:
    """The parameters of an UpdateItem for a change of an order and the mark of its write.

    Attributes that this release does not know stay as they are: a newer release wrote them, and will read them again.
    So does the key in the index, over however many keys the customer is spread by now.
    """
    return update_expression(to_item(before), {**to_item(after), **mark})


def from_item(item: Item) -> Order | ErasedOrder:
    """Read an item of the table or an image of its stream; raises Poison when it is not an order's."""
    try:
        return _ERASED.load(item) if item[STATUS]["S"] == OrderStatus.ERASED else _order(item)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        # The name of what is missing may be logged; other messages repeat values.
        what = str(error) if isinstance(error, KeyError) else type(error).__name__
        raise Poison(f"not an order's item: {what}") from error


def last_changes(item: Item) -> tuple[int, list[str]]:
    """An item's version, and the marks of the writes that made it and the versions before, newest first."""
    marks = item.get(CHANGE_ID, {"S": ""})["S"].split()
    return int(item.get(VERSION, {"N": "0"})["N"]), marks


def is_quiet(item: Item) -> bool:
    """Whether an import wrote this version, to be published to nobody."""
    return QUIET_VERSION in item and item[QUIET_VERSION] == item[VERSION]


def is_imported(item: Item) -> bool:
    """Whether an import wrote this version: its time is the source's, perhaps years ago."""
    return IMPORTED_VERSION in item and item[IMPORTED_VERSION] == item[VERSION]


def to_summary(entry: Item) -> dict[str, str | int]:
    """Read an entry of the index as a list shows it."""
    summary = {
        name: int(value["N"]) if "N" in value else str(value["S"])
        for name, value in entry.items()
        if name in PROJECTED  # an index of a newer release may hold more
    }
    summary["placed_at"] = str(summary.pop(PLACED_KEY)).partition("#")[0]
    summary[CUSTOMER_ID] = customer_of(str(summary[CUSTOMER_ID]))
    return summary


def _order(item: Item) -> Order:
    values = _ORDER.values(item)
    values["placed_at"] = _placed_at(values["placed_at"])
    values["customer_id"] = customer_of(values["customer_id"])
    return _ORDER.build(values)


def _placed_at(placed_key: str) -> str:
    return placed_key.partition("#")[0]


def _index_key(order: Order, keys: int) -> str:
    shard = int.from_bytes(hashlib.sha256(order.order_id.encode()).digest()[:4]) % keys
    return f"{order.customer_id}#{shard}" if shard else order.customer_id
