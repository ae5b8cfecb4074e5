"""Orders and commands with defaults: a test sets only the values that it is about."""

import itertools
from typing import Any

from chalicelib.domain import order_ids, orders
from chalicelib.domain.orders import NewOrder, Order, OrderStatus

NOW = "2026-01-31T12:00:00.000Z"
LATER = "2026-01-31T13:00:00.000Z"
CUSTOMER = "17850"
SECRET = b"a secret of the tests"
ORDER_ID = order_ids.mint(SECRET, CUSTOMER, "a key")
ADDRESS = {"name": "Ann Lee", "line1": "1 High Street", "city": "Leeds", "postal_code": "LS1 1AA", "country": "GB"}

_numbers = itertools.count(2)


def line(**changes: Any) -> dict[str, Any]:
    return {"sku": "85123A", "name": "WHITE HANGING HEART", "quantity": 6, "unit_price": 255} | changes


def new_order(**changes: Any) -> dict[str, Any]:
    """The order that a client posts: 15.30 pounds."""
    return {"currency": "GBP", "items": [line()]} | changes


def an_order(**changes: Any) -> Order:
    """A stored order: `new` changes what the client posted, other arguments change fields of Order."""
    posted = new_order(**changes.pop("new", {}))
    new = orders.parse(NewOrder, posted)
    fields: dict[str, Any] = {
        "order_id": ORDER_ID,
        "customer_id": CUSTOMER,
        "status": OrderStatus.PLACED,
        **dict(new),
        "total": new.total,
        "version": 1,
        "placed_at": NOW,
        "updated_at": NOW,
        "fingerprint": orders.fingerprint(new),
        "correlation_id": "request-1",
    }
    return Order(**fields | changes)


def command(**changes: Any) -> dict[str, Any]:
    """The command that the API puts on the queue, as JSON values."""
    return {
        "type": "PlaceOrder",
        "version": 1,
        "order_id": ORDER_ID,
        "customer_id": CUSTOMER,
        "placed_at": NOW,
        "correlation_id": "request-1",
        "order": new_order(),
    } | changes


def fresh_order_id(customer_id: str = CUSTOMER) -> str:
    return order_ids.mint(SECRET, customer_id)


def full_document(model: Any, *, flags: bool = True) -> dict[str, Any]:
    """A JSON document of a model with every field in it, no two texts or numbers alike."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})

    def value_of(name: str, schema: dict[str, Any]) -> Any:
        number = next(_numbers)
        value: Any
        match schema:
            case {"$ref": reference}:
                value = value_of(name, definitions[reference.rpartition("/")[2]])
            case {"anyOf": [kind, {"type": "null"}]}:
                value = value_of(name, kind)
            case {"enum": values}:
                value = values[number % len(values)]
            case {"type": "string"}:
                special = {"email": f"{number}@example.com", "ordered_at": f"2025-12-24T18:30:00.{number:03}Z"}
                value = special.get(name, f"{name}-{number}"[-schema.get("maxLength", 100) :])
            case {"type": "integer"}:
                value = number
            case {"type": "boolean"}:
                value = flags
            case {"type": "array"}:
                value = [value_of(name, schema["items"]) for _ in range(2)]
            case {"type": "object", "properties": fields}:
                value = {field: value_of(field, each) for field, each in fields.items()}
                if value.get("type") == "discount":
                    value["amount"] = -value["amount"]
            case {"type": "object"}:  # metadata: names of the client's own
                value = {f"name-{n}": f"value-{number}-{n}" for n in range(2)}
            case _:
                raise AssertionError(f"full_document makes no value for {name}, whose schema is {schema}")
        return value

    document: dict[str, Any] = value_of("", schema)
    return document


_NAMES = ("CREAM CUPID HEARTS COAT HANGER", "KNITTED UNION FLAG HOT WATER BOTTLE", "RED WOOLLY HOTTIE WHITE HEART")


def shop_basket() -> dict[str, Any]:
    """20 lines, VAT in the prices, shipping, a coupon, and every optional field, some of them empty."""
    lines: list[dict[str, Any]] = [
        {"sku": f"84{number:03}", "name": _NAMES[number % 3], "quantity": number % 6 + 1, "unit_price": 255 + number}
        for number in range(20)
    ]
    goods = sum(each["quantity"] * each["unit_price"] for each in lines)
    return {
        "currency": "GBP",
        "items": lines,
        "adjustments": [
            {"type": "shipping", "label": "Royal Mail Tracked 48", "amount": 495},
            {"type": "discount", "label": "WELCOME10", "amount": -(goods // 10)},
            {"type": "tax", "label": "VAT 20 %", "amount": goods // 6, "included": True},
            {"type": "tip", "label": "", "amount": 0},
        ],
        "shipping_address": {
            "name": "Ann Lee",
            "company": "Lee & Daughters Ltd",
            "line1": "1 High Street",
            "line2": "",
            "city": "Leeds",
            "region": "",
            "postal_code": "LS1 1AA",
            "country": "GB",
            "phone": "+44 (0)113 496 0000",
        },
        "billing_address": {"name": "Accounts", "line1": "2 Low Street", "city": "Pristina", "country": "XK"},
        "contact": {"email": "ann.lee@example.com", "phone": ""},
        "note": "Happy birthday, Jo!\r\n\r\n\tYour friends\n",
        "reference": "2026-000371",
        "metadata": {"cart": "c_8Zk3", "channel": "web", "affiliate": ""},
        "ordered_at": "2026-01-31t11:58:03+00:00",
    }


def plain_basket() -> dict[str, Any]:
    """Ten of the same lines, and nothing else."""
    return {"currency": "GBP", "items": shop_basket()["items"][:10]}
