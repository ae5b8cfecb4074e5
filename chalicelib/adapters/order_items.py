"""How an order lies in the table: the only place that knows attribute names.

Attributes that the index projects have the API's own names. Inside a line item they are one letter long: a line's names
are stored as often as there are lines, and ten lines should stay within 1 KB, one write unit.
"""

from collections.abc import Mapping
from typing import Any

from chalicelib.domain.errors import Poison, Violation
from chalicelib.domain.orders import Address, ErasedOrder, LineItem, Order, OrderStatus

INDEX = "by-customer"
ORDER_ID = "order_id"
CUSTOMER_ID = "customer_id"
PLACED_KEY = "placed_key"  # "<placed_at>#<order_id>": unique, and sorts by time
STATUS = "status"
VERSION = "version"
CHANGE_ID = "change_id"  # of the write that made this version, so that a repeated write knows itself

Item = Mapping[str, Any]  # attribute name -> AttributeValue, as DynamoDB's low-level API has them


def key(order_id: str) -> dict[str, Any]:
    return {ORDER_ID: {"S": order_id}}


def index_key(customer_id: str, placed_key: str) -> dict[str, Any]:
    """The key of one index entry, made of a cursor's content: where the next page starts."""
    _, _, order_id = placed_key.partition("#")
    return {**key(order_id), CUSTOMER_ID: {"S": customer_id}, PLACED_KEY: {"S": placed_key}}


def may_be_of(item: Item, owner: str | None) -> bool:
    """Whether an item is that customer's, or names none; None is anyone."""
    return owner is None or item.get(CUSTOMER_ID, {"S": owner}) == {"S": owner}


def to_item(order: Order | ErasedOrder) -> dict[str, Any]:
    if isinstance(order, ErasedOrder):
        return _tombstone(order)
    item: dict[str, Any] = {
        **key(order.order_id),
        CUSTOMER_ID: {"S": order.customer_id},
        PLACED_KEY: {"S": f"{order.placed_at}#{order.order_id}"},
        STATUS: {"S": order.status.value},
        VERSION: {"N": str(order.version)},
        "total": {"N": str(order.total)},
        "item_count": {"N": str(order.item_count)},
        "items": {"L": [_line(item) for item in order.items]},
        "updated_at": {"S": order.updated_at},
        "fingerprint": {"S": order.fingerprint},
        "correlation_id": {"S": order.correlation_id},
    }
    for name in ("currency", "reference", "note", "status_reason", "traceparent"):
        if (value := getattr(order, name)) is not None:
            item[name] = {"S": value}
    if order.shipping_address is not None:
        address = order.shipping_address.model_dump(exclude_none=True)
        item["shipping_address"] = {"M": {name: {"S": value} for name, value in address.items()}}
    if order.violations:
        item["violations"] = {"L": [_violation(each) for each in order.violations]}
    return item


def from_item(item: Item) -> Order | ErasedOrder:
    """Read an item of the table or an image of its stream; raises Poison when it is none of ours."""
    try:
        return _erased(item) if item[STATUS]["S"] == OrderStatus.ERASED else _order(item)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        # Which name is missing may be told; other messages repeat values, and reasons go to logs.
        what = str(error) if isinstance(error, KeyError) else type(error).__name__
        raise Poison(f"not an order's item: {what}") from error


def to_summary(entry: Item) -> dict[str, str | int]:
    """Read an entry of the index as a list shows it; what the index projects has the API's names."""
    summary = {name: int(value["N"]) if "N" in value else str(value["S"]) for name, value in entry.items()}
    summary["placed_at"] = str(summary.pop(PLACED_KEY)).partition("#")[0]
    return summary


def _line(item: LineItem) -> dict[str, Any]:
    line = {"s": {"S": item.sku}, "q": {"N": str(item.quantity)}, "p": {"N": str(item.unit_price)}}
    return {"M": line if item.name is None else {**line, "n": {"S": item.name}}}


# What is read here was checked when it was written. Building it unchecked is faster, and an order stored under
# yesterday's rules stays readable when the rules get stricter.


def _order(item: Item) -> Order:
    return Order.model_construct(
        order_id=item[ORDER_ID]["S"],
        customer_id=item[CUSTOMER_ID]["S"],
        status=OrderStatus(item[STATUS]["S"]),
        status_reason=_text(item, "status_reason"),
        currency=_text(item, "currency"),
        items=tuple(_line_item(line["M"]) for line in item["items"]["L"]),
        total=int(item["total"]["N"]),
        shipping_address=_address(item),
        note=_text(item, "note"),
        reference=_text(item, "reference"),
        violations=_violations(item),
        version=int(item[VERSION]["N"]),
        placed_at=_placed_at(item),
        updated_at=item["updated_at"]["S"],
        fingerprint=item["fingerprint"]["S"],
        correlation_id=item["correlation_id"]["S"],
        traceparent=_text(item, "traceparent"),
    )


def _line_item(line: Item) -> LineItem:
    return LineItem.model_construct(
        sku=line["s"]["S"],
        name=_text(line, "n"),
        quantity=int(line["q"]["N"]),
        unit_price=int(line["p"]["N"]),
    )


def _address(item: Item) -> Address | None:
    if "shipping_address" not in item:
        return None
    return Address.model_construct(**{name: value["S"] for name, value in item["shipping_address"]["M"].items()})


def _violation(violation: Violation) -> dict[str, Any]:
    return {"M": {"pointer": {"S": violation.pointer}, "detail": {"S": violation.detail}}}


def _violations(item: Item) -> tuple[Violation, ...] | None:
    if "violations" not in item:
        return None
    maps = (each["M"] for each in item["violations"]["L"])
    return tuple(Violation(pointer=each["pointer"]["S"], detail=each["detail"]["S"]) for each in maps)


def _tombstone(erased: ErasedOrder) -> dict[str, Any]:
    # No customer and no placed_key: an erased order drops out of the index.
    trace = {} if erased.traceparent is None else {"traceparent": {"S": erased.traceparent}}
    return {
        **key(erased.order_id),
        **trace,
        STATUS: {"S": OrderStatus.ERASED.value},
        VERSION: {"N": str(erased.version)},
        "updated_at": {"S": erased.updated_at},
        "correlation_id": {"S": erased.correlation_id},
    }


def _erased(item: Item) -> ErasedOrder:
    return ErasedOrder(
        order_id=item[ORDER_ID]["S"],
        version=int(item[VERSION]["N"]),
        updated_at=item["updated_at"]["S"],
        correlation_id=item["correlation_id"]["S"],
        traceparent=_text(item, "traceparent"),
    )


def _text(item: Item, name: str) -> str | None:
    value = item.get(name)
    return None if value is None else str(value["S"])


def _placed_at(item: Item) -> str:
    return str(item[PLACED_KEY]["S"]).partition("#")[0]
