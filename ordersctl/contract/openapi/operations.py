"""What the OpenAPI document says of each operation beyond its route: by the name of its view in app.py."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.http.auth.principal import ADMIN, READ, WRITE
from chalicelib.http.list_query import MAX_PAGE, MAX_REFERENCE
from chalicelib.http.requests import KEY_PATTERN, MAX_IDS
from ordersctl.contract.openapi import links
from ordersctl.contract.openapi import schemas as models
from ordersctl.contract.openapi.components import ref
from ordersctl.contract.openapi.problems import BODY, Problems

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
TIME_EXAMPLE = "2026-01-31T12:00:00Z"

Headers = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Success:
    """A response that is not a problem: its body and headers, and the operations that it leads to."""

    description: str
    schema: Any = None
    headers: Headers = ()  # always sent
    some: Headers = ()  # sent in some cases
    links: Mapping[str, Any] = field(default_factory=dict)
    example: Any = None


@dataclass(frozen=True, slots=True)
class Operation:
    summary: str
    successes: Mapping[int, Success]
    description: str = ""
    scope: str | None = None
    parameters: tuple[str, ...] = ()
    body: Mapping[str, Any] | None = None  # media type -> content
    problems: Problems = field(default_factory=dict)


_PATH: dict[str, Any] = {"in": "path", "required": True}
_QUERY: dict[str, Any] = {"in": "query"}
_HEADER: dict[str, Any] = {"in": "header"}
_ETAG = r'(W/)?"[\x21\x23-\x7e]*"'
_TIME = {"type": "string", "format": "date-time"}
# The reference page fills in an `example`, so only a parameter that every request needs has one. The others have theirs
# in the schema.
PARAMETERS: dict[str, dict[str, Any]] = {
    "order_id": {
        "name": "order_id",
        **_PATH,
        "description": "The order's id, which the service gave it.",
        "schema": models.ORDER_ID,
        "example": models.ACCEPTED["order_id"],
    },
    "order_ids": {
        "name": "order_id",
        **_QUERY,
        "required": True,
        "description": f"The orders to read: the parameter is repeated, up to {MAX_IDS} times.",
        "style": "form",
        "explode": True,
        "schema": {"type": "array", "minItems": 1, "maxItems": MAX_IDS, "items": {"type": "string"}},
        "example": [models.ACCEPTED["order_id"]],
    },
    "customer_in_path": {
        "name": "customer_id",
        **_PATH,
        "description": "The customer whose orders are listed.",
        "schema": models.CUSTOMER_ID,
        "example": "17850",
    },
    "customer_id": {
        "name": "customer_id",
        **_QUERY,
        "description": "The customer that a service acts for. A customer's own token names one already.",
        "schema": models.CUSTOMER_ID | {"examples": ["17850"]},
    },
    "customer_of_the_order": {
        "name": "customer_id",
        **_QUERY,
        "required": True,
        "description": "The customer who placed the order.",
        "schema": models.CUSTOMER_ID,
        "example": "17850",
    },
    "idempotency_key": {
        "name": "Idempotency-Key",
        **_HEADER,
        "description": "Names this order permanently: repeated requests with one key place it once. 1 to 255 "
        "visible ASCII characters; or a string in quotes, which may have spaces (RFC 8941).",
        "schema": {"type": "string", "pattern": KEY_PATTERN, "examples": ["8e03978e-40d5-43dd-bc93-6894a57f9324"]},
    },
    "if_match": {
        "name": "If-Match",
        **_HEADER,
        "required": True,
        "description": "The ETag of the version to change, a list of them, or * for any version.",
        "schema": {"type": "string", "pattern": rf"^(\*|{_ETAG}(, {_ETAG})*)$"},
        "example": '"1"',
    },
    "if_none_match": {
        "name": "If-None-Match",
        **_HEADER,
        "description": "ETags of versions that the client has.",
        "schema": {"type": "string", "examples": ['"1"']},
    },
    "status": {
        "name": "status",
        **_QUERY,
        "description": "Only orders of this status.",
        "schema": ref("AnyOrderStatus") | {"examples": ["placed"]},
    },
    "reference": {
        "name": "reference",
        **_QUERY,
        "description": "The client's own number, which an order was placed with.",
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_REFERENCE,
            "examples": [models.NEW_ORDER["reference"]],
        },
    },
    "placed_after": {
        "name": "placed_after",
        **_QUERY,
        "description": "Only orders placed after this time, which is exclusive.",
        "schema": _TIME | {"examples": [TIME_EXAMPLE]},
    },
    "placed_before": {
        "name": "placed_before",
        **_QUERY,
        "description": "Only orders placed before this time, which is exclusive.",
        "schema": _TIME | {"examples": ["2027-01-31T12:00:00Z"]},
    },
    "limit": {
        "name": "limit",
        **_QUERY,
        "description": "How many orders a page has at most.",
        "schema": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": 20},
        "example": 20,
    },
    "cursor": {
        "name": "cursor",
        **_QUERY,
        "description": "next_cursor of the page before, valid for the same caller and filters only.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,512}$", "examples": ["AZx0Y3Vyc29y"]},
    },
}

_NEW_ORDER = {"schema": ref("NewOrder"), "examples": {"order": {"value": models.NEW_ORDER}}}
_CHANGE_BODY = {"schema": ref("OrderChange"), "examples": {"cancel": {"value": models.CHANGE}}}

OPERATIONS: Mapping[str, Operation] = {
    "place_order": Operation(
        "Place an order",
        {
            202: Success(
                "Accepted, and on its way to being stored.",
                ref("Accepted"),
                headers=("Location", "Retry-After"),
                some=("Idempotency-Replayed",),
                links={"read": links.READ, "change": links.CHANGE_ANY, "erase": links.ERASE},
                example=models.ACCEPTED,
            )
        },
        "For the token's customer, or the one that a service names.",
        scope=WRITE,
        parameters=("customer_id", "idempotency_key"),
        body={JSON: _NEW_ORDER},
        problems={
            **BODY,
            400: ("malformed-json", "invalid-parameter", "customer-required", "bad-request"),
            410: ("gone",),
            422: ("invalid-order", "idempotency-key-reused"),
        },
    ),
    "read_order": Operation(
        "Read an order",
        {
            200: Success(
                "The order; or, until it is stored, that it was accepted.",
                {"oneOf": [ref("Order"), ref("Accepted")]},
                some=("ETag", "Retry-After"),
                links={"change": links.CHANGE, "again": links.READ},
                example=models.ORDER,
            ),
            304: Success("The version is one of If-None-Match.", headers=("ETag",)),
        },
        "An order that was accepted and is not stored yet has the status `accepted`, and no ETag.",
        scope=READ,
        parameters=("order_id", "customer_id", "if_none_match"),
        problems={404: ("not-found",), 410: ("gone",)},
    ),
    "read_orders": Operation(
        "Read several orders",
        {
            200: Success(
                "The orders that there are, in the order in which they were named, and the ids of the others.",
                ref("Orders"),
            )
        },
        "Each id is answered once. `missing`: there is no such order, or it is another customer's. `remaining`: the "
        "response had no room for it; ask for these again.",
        scope=READ,
        parameters=("order_ids", "customer_id"),
    ),
    "change_order": Operation(
        "Change an order",
        {
            200: Success(
                "The order as it is now.",
                ref("Order"),
                headers=("ETag",),
                links={"read": links.READ, "change": links.CHANGE},
                example=models.ORDER,
            )
        },
        "Items can change while it is placed, address and note until it is shipped. Its owner may cancel it; a service "
        "may also confirm, ship and deliver it.",
        scope=WRITE,
        parameters=("order_id", "customer_id", "if_match"),
        body={MERGE_PATCH: _CHANGE_BODY, JSON: _CHANGE_BODY},
        problems={
            **BODY,
            404: ("not-found",),
            409: ("conflict", "not-yet-stored"),
            410: ("gone",),
            412: ("precondition-failed",),
            422: ("invalid-order",),
            428: ("precondition-required",),
        },
    ),
    "erase_order": Operation(
        "Erase an order's personal data",
        {204: Success("Erased; only its id remains.")},
        "Erasing again is answered alike. 409: the order is accepted and not stored yet, and is not erased; retry.",
        scope=ADMIN,
        parameters=("order_id", "customer_of_the_order"),
        problems={
            400: ("invalid-parameter", "customer-required", "bad-request"),
            404: ("not-found",),
            409: ("not-yet-stored",),
        },
    ),
    "list_orders": Operation(
        "List a customer's orders",
        {
            200: Success(
                "A page of orders, newest first.",
                ref("Page"),
                some=("Link",),
                links={"next": links.NEXT, "newest": links.NEWEST},
            )
        },
        "Both times are exclusive, and a fraction of a millisecond counts. With a filter a page may be short or empty, "
        "and still have a next one.",
        scope=READ,
        parameters=("customer_in_path", "status", "reference", "placed_after", "placed_before", "limit", "cursor"),
        problems={400: ("invalid-parameter", "invalid-cursor", "bad-request")},
    ),
    "openapi": Operation(
        "This document",
        {200: Success("OpenAPI 3.1.", ref("OpenApiDocument"))},
        "It is the same for every caller, and needs no token.",
    ),
    "health": Operation(
        "Whether the service answers",
        {200: Success("It does.", ref("Health"))},
        "It calls no other service, so its answer says nothing about the table or the queue.",
    ),
    "index": Operation(
        "Where to begin",
        {200: Success("The paths of this document and of the health check.", ref("Index"), headers=("Link",))},
        "The header Link names this document as the service's description (RFC 8631).",
    ),
}
