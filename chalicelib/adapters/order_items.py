"""Orders as items of the table: the only module that knows the attribute names.

Each field of Order has an attribute of its own name, but for those in NAMES. Inside a line item and an adjustment
names are one letter long: they are stored as often as there are lines, and ten lines should stay within 1 KB, one write
unit.
"""

from typing import Any

from chalicelib.adapters.attribute_values import Attributes, Codec, Names, update_expression
from chalicelib.domain.errors import Poison
from chalicelib.domain.orders import SUMMARY, ErasedOrder, Order, OrderStatus
from chalicelib.domain.parts import Adjustment, LineItem

INDEX = "by-customer"
ORDER_ID = "order_id"
CUSTOMER_ID = "customer_id"
PLACED_KEY = "placed_key"  # "<placed_at>#<order_id>": unique, and sorts by time
STATUS = "status"
REFERENCE = "reference"
VERSION = "version"
ITEM_COUNT = "item_count"
CHANGE_ID = "change_id"  # the marks of the last writes, newest first: a repeated write recognises its own

NAMES: Names = {
    Order: {"placed_at": PLACED_KEY},
    LineItem: {"sku": "s", "name": "n", "quantity": "q", "unit_price": "p"},
    Adjustment: {"type": "t", "label": "l", "amount": "a", "included": "i"},
}

Item = Attributes

_ORDER, _ERASED = Codec(Order, NAMES), Codec(ErasedOrder, NAMES)
PROJECTED = {_ORDER.attributes[field] for field in SUMMARY} | {ITEM_COUNT}  # what the index holds, its keys included


def key(order_id: str) -> dict[str, Any]:
    return {ORDER_ID: {"S": order_id}}


def index_key(customer_id: str, placed_key: str) -> dict[str, Any]:
    """The key of one index entry, made of a cursor's content: where the next page starts."""
    _, _, order_id = placed_key.partition("#")
    return {**key(order_id), CUSTOMER_ID: {"S": customer_id}, PLACED_KEY: {"S": placed_key}}


def may_be_of(item: Item, owner: str | None) -> bool:
    """Whether an item is that customer's, or a tombstone, which names nobody; owner None is any customer."""
    return owner is None or item.get(CUSTOMER_ID, {"S": owner}) == {"S": owner}


def to_item(order: Order | ErasedOrder) -> dict[str, Any]:
    if isinstance(order, ErasedOrder):
        # No customer and no placed_key: an erased order drops out of the index.
        return _ERASED.dump(order) | {STATUS: {"S": OrderStatus.ERASED.value}}
    return _ORDER.dump(order) | {
        PLACED_KEY: {"S": f"{order.placed_at}#{order.order_id}"},
        ITEM_COUNT: {"N": str(order.item_count)},
    }


def update(before: Order, after: Order, mark: Item) -> dict[str, Any]:
    """The parameters of an UpdateItem for a change of an order and the mark of its write.

    Attributes that this release does not know stay as they are: a newer release wrote them, and will read them again.
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


def to_summary(entry: Item) -> dict[str, str | int]:
    """Read an entry of the index as a list shows it."""
    summary = {
        name: int(value["N"]) if "N" in value else str(value["S"])
        for name, value in entry.items()
        if name in PROJECTED  # an index of a newer release may hold more
    }
    summary["placed_at"] = str(summary.pop(PLACED_KEY)).partition("#")[0]
    return summary


def _order(item: Item) -> Order:
    values = _ORDER.values(item)
    values["placed_at"] = _placed_at(values["placed_at"])
    return _ORDER.build(values)


def _placed_at(placed_key: str) -> str:
    return placed_key.partition("#")[0]
