"""An example of each field, for the OpenAPI document: what the reference page shows, and mock servers answer."""

from collections.abc import Mapping
from typing import Any

from ordersctl.contract.openapi.problems import example_of
from ordersctl.contract.openapi.schemas import ACCEPTED, CHANGE, NEW_ORDER, ORDER, Schema

_ADDRESS = NEW_ORDER["shipping_address"] | {
    "company": "Customer & Daughters Ltd",
    "line2": "Second floor",
    "region": "Greater London",
    "phone": "+44 20 7946 0000",
}
_ORDER = ORDER | {
    "status_reason": CHANGE["status_reason"],
    "billing_address": NEW_ORDER["shipping_address"],
    "note": "Please leave it with a neighbour.",
    "metadata": {"cart": "c_8Zk3"},
    "ordered_at": "2026-01-31T11:58:03.000Z",
    "violations": [{"pointer": "/currency", "detail": "Must be a currency code of ISO 4217, such as GBP"}],
    "item_count": len(ORDER["items"]),
}
_CHARGE = NEW_ORDER["adjustments"][0] | {"included": False}
_CONTACT = NEW_ORDER["contact"] | {"phone": "+44 20 7946 0000"}
_SUMMARY = {name: value for name, value in _ORDER.items() if name not in ("items", "adjustments")}
EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "NewOrder": _ORDER,
    "OrderChange": _ORDER | CHANGE,
    "Order": _ORDER,
    "Summary": _SUMMARY,
    "Accepted": ACCEPTED,
    "Erased": ACCEPTED | {"status": "erased"},
    "Orders": {"orders": [ORDER], "missing": [], "remaining": []},
    "LineItem": NEW_ORDER["items"][0],
    "Address": _ADDRESS,
    "AddressChange": _ADDRESS,
    "Charge": _CHARGE,
    "Discount": {"type": "discount", "label": "WELCOME10", "amount": -153, "included": False},
    "Contact": _CONTACT,
    "ContactChange": _CONTACT,
    "Violation": {"pointer": "/items/0/quantity", "detail": "Must be 1 or more"},
    "Page": {"orders": [], "next_cursor": "AZx0Y3Vyc29y"},
    "Problem": example_of("conflict", 409) | example_of("invalid-order", 422),
    "Health": {"status": "ok", "service": "orders", "stage": "prod"},
    "Index": {"service": "orders", "stage": "prod", "openapi": "/api/openapi.json", "health": "/api/health"},
}


def with_examples(schemas: Mapping[str, Schema]) -> dict[str, Schema]:
    """The schemas with an example of each field; KeyError for a field that has none."""
    return {name: _with_examples(name, schema) for name, schema in schemas.items()}


def _with_examples(name: str, schema: Schema) -> Schema:
    if "properties" not in schema:
        return schema
    values = EXAMPLES[name]
    properties = {field: {**each, "examples": [values[field]]} for field, each in schema["properties"].items()}
    return schema | {"properties": properties}
