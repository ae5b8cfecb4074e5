"""The schemas as the OpenAPI document has them: each list of codes and each object by a name of its own.

A generator of clients makes a class of each named schema, and invents a name for every other. Event schemas have no
references, so they are made of the schemas before this step.
"""

from collections.abc import Mapping
from typing import Any

from chalicelib.domain.iso_codes import COUNTRIES, CURRENCY_EXPONENTS
from chalicelib.domain.orders import OrderStatus
from ordersctl.contract.openapi.descriptions import described
from ordersctl.contract.openapi.examples import with_examples
from ordersctl.contract.openapi.schemas import Schema, schemas

REFERENCE = "#/components/schemas/"
_CODES: dict[str, Schema] = {
    "OrderStatus": {
        "type": "string",
        "enum": [each for each in OrderStatus if each is not OrderStatus.ERASED],
        "description": "How far an order has come.",
    },
    # Another name, because generators make one class of all enums of one name.
    "AnyOrderStatus": {
        "type": "string",
        "enum": list(OrderStatus),
        "description": "How far an order has come, or that it was erased.",
    },
    "Currency": {
        "type": "string",
        "enum": sorted(CURRENCY_EXPONENTS),
        "description": "A currency code of ISO 4217.",
        "examples": ["GBP"],
    },
    "Country": {
        "type": "string",
        "enum": sorted(COUNTRIES),
        "description": "A country code of ISO 3166-1 alpha-2, or XK.",
        "examples": ["GB"],
    },
}
_HEALTH: Schema = {
    "type": "object",
    "description": "That the service answers, and which stage it is.",
    "properties": {"status": {"const": "ok"}, "service": {"const": "orders"}, "stage": {"type": "string"}},
    "required": ["status", "service", "stage"],
    "examples": [{"status": "ok", "service": "orders", "stage": "prod"}],
}
_INDEX: Schema = {
    "type": "object",
    "description": "Where to begin: the paths of this document and of the health check.",
    "properties": {
        "service": {"const": "orders"},
        "stage": {"type": "string"},
        "openapi": {"type": "string", "format": "uri-reference"},
        "health": {"type": "string", "format": "uri-reference"},
    },
    "required": ["service", "stage", "openapi", "health"],
    "examples": [{"service": "orders", "stage": "prod", "openapi": "/api/openapi.json", "health": "/api/health"}],
}
_METADATA: Mapping[str, Schema] = {
    "Metadata": {"description": "Names and values of the client's own.", "examples": [{"cart": "c_8Zk3"}]},
    "MetadataChange": {
        "description": "Names and values that become different; null removes a name.",
        "examples": [{"cart": "c_9Am4", "campaign": None}],
    },
}
_NULL: Schema = {"type": "null"}
_DOCUMENT: Schema = {
    "type": "object",
    "description": "An OpenAPI 3.1 document.",
    "examples": [{"openapi": "3.1.0", "info": {"title": "Orders"}}],
}


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"{REFERENCE}{name}"}


def components() -> dict[str, Schema]:
    """Every schema of the document by name."""
    found = schemas()
    del found["OrderStatus"]  # two lists of _CODES take its place
    found |= _adjustments(found["Adjustment"])
    for owner, name in (("NewOrder", "Metadata"), ("OrderChange", "MetadataChange")):
        properties = found[owner]["properties"]
        found[name] = _METADATA[name] | _map_of(properties["metadata"])
        said = {"description": properties["metadata"]["description"]}
        found[owner] = found[owner] | {"properties": properties | {"metadata": {"anyOf": [ref(name), _NULL]} | said}}
    found |= described({"Health": _HEALTH, "Index": _INDEX})
    found["OpenApiDocument"] = _DOCUMENT
    return with_examples(_CODES | _with_names(found))


def _map_of(schema: Schema) -> Schema:
    """The map of a schema that is a map or null, in words that generators know: few know `patternProperties`."""
    (found,) = [kind for kind in schema["anyOf"] if kind != _NULL]
    ((names, value),) = found["patternProperties"].items()
    return {word: each for word, each in found.items() if word != "patternProperties"} | {
        "propertyNames": found["propertyNames"] | {"pattern": names},
        "additionalProperties": value,
    }


def _with_names(schema: Any) -> Any:
    """The schema with a reference wherever it repeats a list of codes; its description stays beside the reference."""
    if isinstance(schema, list):
        return [_with_names(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    for name, codes in _CODES.items():
        if schema.get("enum") == codes["enum"]:
            return ref(name) | {word: schema[word] for word in schema.keys() & {"description"}}
    return {word: _with_names(each) for word, each in schema.items()}


def _adjustments(adjustment: Schema) -> dict[str, Schema]:
    """An adjustment as one of two objects: the sign of its amount depends on its type."""
    properties = adjustment["properties"]
    charge, discount = (each["properties"] for each in adjustment["anyOf"])
    common = {word: each for word, each in adjustment.items() if word not in ("anyOf", "description")}
    said = {"description": properties["type"]["description"]}
    (discounts,) = discount["type"]["enum"]

    def narrowed(description: str, kind: Schema, amount: Schema) -> Schema:
        fields = properties | {"type": kind | said, "amount": properties["amount"] | amount}
        return common | {"description": description, "properties": fields}

    return {
        "ChargeType": {"type": "string", "description": "What is added.", **charge["type"]},
        "Charge": narrowed("An amount that is added: 0 or more.", ref("ChargeType"), charge["amount"]),
        "Discount": narrowed("An amount that is taken off: below 0.", {"const": discounts}, discount["amount"]),
        "Adjustment": {"description": adjustment["description"], "oneOf": [ref("Charge"), ref("Discount")]},
    }
