"""The schemas of the OpenAPI document, from the models that the service itself validates and answers with."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic.json_schema import models_json_schema

from chalicelib.domain.changes import MAX_METADATA_CHANGES, OrderChange
from chalicelib.domain.iso_codes import CURRENCY_EXPONENTS
from chalicelib.domain.order_ids import ORDER_ID_PATTERN
from chalicelib.domain.orders import (
    CUSTOMER_ID_PATTERN,
    INTERNAL,
    STORED_CUSTOMER_ID_PATTERN,
    SUMMARY,
    TIMESTAMP_PATTERN,
    NewOrder,
    Order,
    OrderContent,
    OrderStatus,
)
from chalicelib.domain.parts import Address, Adjustment, Contact, LineItem
from chalicelib.domain.validation import MAX_AMOUNT
from chalicelib.http import problem_document
from ordersctl.contract.openapi.descriptions import described

Schema = dict[str, Any]
_REFERENCE = "#/components/schemas/"

ORDER_ID: Schema = {"type": "string", "pattern": ORDER_ID_PATTERN}
CUSTOMER_ID: Schema = {"type": "string", "pattern": CUSTOMER_ID_PATTERN}
NEW_ORDER: Schema = {
    "currency": "GBP",
    "items": [
        {"sku": "85123A", "name": "White hanging heart T-light holder", "quantity": 6, "unit_price": 255},
        {"sku": "71053", "quantity": 6, "unit_price": 339},
    ],
    "shipping_address": {
        "name": "A. Customer",
        "line1": "1 High Street",
        "city": "London",
        "postal_code": "N1 1AA",
        "country": "GB",
    },
    "reference": "536365",
    "adjustments": [{"type": "shipping", "label": "Royal Mail Tracked 48", "amount": 495}],
    "contact": {"email": "a.customer@example.com"},
}
ACCEPTED: Schema = {"order_id": "ord_2y7m1x9qk4c8v5t3w6z0b2d7f9h1j3k5", "status": "accepted"}
ORDER: Schema = {
    "order_id": ACCEPTED["order_id"],
    "customer_id": "17850",
    "status": "placed",
    **NEW_ORDER,
    "subtotal": 3564,
    "total": 4059,
    "version": 1,
    "placed_at": "2026-01-31T12:00:00.000Z",
    "updated_at": "2026-01-31T12:00:00.000Z",
}
CHANGE: Schema = {"status": "cancelled", "status_reason": "ordered twice"}

_MODELS = (LineItem, Address, Adjustment, Contact, NewOrder, OrderChange)


def money() -> str:
    """How amounts are written: which currencies have how many decimal digits (ISO 4217)."""
    by_exponent = {
        exponent: " ".join(code for code, each in sorted(CURRENCY_EXPONENTS.items()) if each == exponent)
        for exponent in (0, 3)
    }
    return (
        "Amounts are integers in the minor unit of the order's currency, as ISO 4217 has it. "
        f"No decimal digits (500 is 500 yen): {by_exponent[0]}. "
        f"Three (500 is 0.500 dinars): {by_exponent[3]}. "
        "Two in all others (500 is 5.00 pounds)."
    )


def schemas() -> dict[str, Schema]:
    """Every schema by name."""
    _, both = models_json_schema(
        [*((model, "validation") for model in _MODELS), (Order, "serialization")],
        ref_template=f"{_REFERENCE}{{model}}",
    )
    found: dict[str, Schema] = _without_noise(both["$defs"])
    found["NewOrder"] |= {
        "description": f"An order to place. Its lines together, and its total, are at most {MAX_AMOUNT}, and the "
        f"total is not below 0. An empty text, list or object is a field left out. {money()}",
        "examples": [NEW_ORDER],
    }
    content = {name: found["NewOrder"]["properties"][name] for name in OrderContent.model_fields}
    found |= {f"{name}Change": _part_change(name, found[name]) for name in _objects(content.values())}
    found["OrderChange"] = _order_change(found["OrderChange"], content)
    found["Order"] = _shown(found["Order"], "An order as it is stored.", ORDER)
    found["Summary"] = _summary(found["Order"])
    found["Accepted"] = _accepted()
    found["Erased"] = _erased()
    found["Orders"] = _orders()
    found["Page"] = _page()
    found["Problem"] = _problem()
    return described(found)


def _without_noise(value: Any) -> Any:
    """Drop titles, which repeat names, and defaults: in a patch null is not the same as a field left out."""
    if isinstance(value, dict):
        return {name: _without_noise(each) for name, each in value.items() if name not in ("title", "default")}
    return [_without_noise(each) for each in value] if isinstance(value, list) else value


def _objects(properties: Iterable[Schema]) -> list[str]:
    """The models of those properties that are objects, or an object or null."""
    kinds = [kind for each in properties for kind in each.get("anyOf", [each])]
    return [kind["$ref"].removeprefix(_REFERENCE) for kind in kinds if "$ref" in kind]


def _part_change(name: str, schema: Schema) -> Schema:
    part = name.lower()
    optional = {word: value for word, value in schema.items() if word != "required"}
    whole = f"; an order without one takes a whole {part} only" if "required" in schema else ""
    return {**optional, "description": f"What becomes different in the {part}{whole}."}


def _order_change(change: Schema, content: Mapping[str, Schema]) -> Schema:
    return {
        **change,
        "description": "A JSON merge patch (RFC 7396). Lists are replaced as a whole. null or an "
        "empty text removes an optional field.",
        "properties": {
            "status": {"enum": list(OrderStatus)},
            "status_reason": _not_null(change["properties"]["status_reason"]),
            **{name: _patch(schema) for name, schema in content.items()},
        },
        "dependentRequired": {"status_reason": ["status"]},
        "examples": [CHANGE],
    }


def _patch(schema: Schema) -> Schema:
    """What a merge patch may hold for a property: an object is changed part by part, all else is replaced."""
    if "$ref" in schema:
        return {"$ref": f"{schema['$ref']}Change"}
    if "anyOf" in schema:
        return schema | {"anyOf": [_patch(kind) for kind in schema["anyOf"]]}
    if "patternProperties" in schema:  # names of the client's own: null takes one away
        ((names, value),) = schema["patternProperties"].items()
        changes = {"patternProperties": {names: {"anyOf": [value, {"type": "null"}]}}}
        return schema | changes | {"maxProperties": MAX_METADATA_CHANGES}
    return schema


def _not_null(schema: Schema) -> Schema:
    (text,) = [each for each in schema["anyOf"] if each != {"type": "null"}]
    return {**{name: part for name, part in schema.items() if name not in {"anyOf", "default"}}, **text}


def _shown(schema: Schema, description: str, example: Schema) -> Schema:
    """The schema of a response: a field without a value is left out, never null."""
    properties: dict[str, Schema] = {}
    required: list[str] = []
    for name, each in schema["properties"].items():
        if name in INTERNAL:
            continue
        kept = [kind for kind in each.get("anyOf", []) if kind != {"type": "null"}]
        properties[name] = _PRECISELY.get(name) or (dict(kept[0]) if kept else dict(each))
        if not kept:
            required.append(name)
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": required,
        "examples": [example],
    }


# Order checks little, for it is read from our own table; what these fields hold is known more exactly.
TIME: Schema = {"type": "string", "format": "date-time", "pattern": TIMESTAMP_PATTERN}
_AMOUNT: Schema = {"type": "integer", "minimum": 0, "maximum": MAX_AMOUNT}
_PRECISELY: dict[str, Schema] = {
    "order_id": ORDER_ID,
    "customer_id": {"type": "string", "pattern": STORED_CUSTOMER_ID_PATTERN},
    "status": {"enum": [each for each in OrderStatus if each is not OrderStatus.ERASED]},
    "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
    "subtotal": _AMOUNT,
    "total": _AMOUNT,
    "ordered_at": TIME,
    "version": {"type": "integer", "minimum": 1},
    "placed_at": TIME,
    "updated_at": TIME,
}


def _summary(order: Schema) -> Schema:
    names = [name for name in order["properties"] if name in SUMMARY]
    example = {name: ORDER[name] for name in names if name in ORDER}
    return {
        "type": "object",
        "description": "An order in a list: a summary, for a page may hold a hundred of them.",
        "properties": {name: order["properties"][name] for name in names}
        | {"item_count": {"type": "integer", "minimum": 0}},
        "required": [name for name in order["required"] if name in names] + ["item_count"],
        "examples": [example | {"item_count": len(ORDER["items"])}],
    }


def _accepted() -> Schema:
    return {
        "type": "object",
        "description": "An order that was accepted and is not stored yet.",
        "properties": {"order_id": ORDER_ID, "status": {"const": "accepted"}},
        "required": ["order_id", "status"],
        "examples": [ACCEPTED],
    }


def _erased() -> Schema:
    return {
        "type": "object",
        "description": "An order that was erased, among several.",
        "properties": {"order_id": ORDER_ID, "status": {"const": "erased"}},
        "required": ["order_id", "status"],
        "examples": [{"order_id": ACCEPTED["order_id"], "status": "erased"}],
    }


def _orders() -> Schema:
    kinds = [{"$ref": f"{_REFERENCE}{name}"} for name in ("Order", "Accepted", "Erased")]
    ids = {"type": "array", "maxItems": 100, "items": {"type": "string"}}
    return {
        "type": "object",
        "properties": {
            "orders": {"type": "array", "maxItems": 100, "items": {"oneOf": kinds}},
            "missing": {**ids, "description": "There is no such order, or it is another customer's."},
            "remaining": {**ids, "description": "The response had no room for these. Ask for them again."},
        },
        "required": ["orders", "missing", "remaining"],
        "examples": [{"orders": [ORDER], "missing": [], "remaining": []}],
    }


def _page() -> Schema:
    cursor = {"type": ["string", "null"]}
    return {
        "type": "object",
        "properties": {
            "orders": {"type": "array", "maxItems": 100, "items": {"$ref": "#/components/schemas/Summary"}},
            "next_cursor": cursor,
        },
        "required": ["orders", "next_cursor"],
    }


def _problem() -> Schema:
    text: Schema = {"type": "string"}
    return {
        "type": "object",
        "description": "What went wrong (RFC 9457).",
        "properties": {
            "type": {**text, "pattern": f"^{problem_document.type_uri('[a-z-]+')}$"},
            "title": text,
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": text,
            "instance": text,
            "errors": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Violation"}},
            "current_status": text,
            "allowed_statuses": {"type": "array", "items": text},
        },
        "required": ["type", "title", "status", "detail", "instance"],
    }
