"""What each field is, in a sentence: for the OpenAPI document and the event schemas.

They stand here and not beside the fields, because every cold start of a function would read them there.
"""

from collections.abc import Mapping
from typing import Any

_ORDER = {
    "order_id": "Given by the service when it accepts the order.",
    "customer_id": "The customer whose order it is: the token's, or the one whom a service named.",
    "status": "How far the order has come.",
    "status_reason": "Why the order has its status, as the caller gave it.",
    "currency": "A currency code of ISO 4217; every amount of the order is in its minor unit.",
    "items": "The lines of the order.",
    "adjustments": "Amounts beside the lines: shipping, tax, fees, tips, discounts.",
    "subtotal": "What the lines cost together: the sum of quantities times prices.",
    "total": "What the customer pays: the subtotal and every adjustment that is not included in the prices.",
    "shipping_address": "Where the order is delivered.",
    "billing_address": "Where the invoice goes, if it is not the shipping address.",
    "contact": "How to reach the customer about this order.",
    "note": "What the customer wants to say; it may have line breaks and tabs.",
    "reference": "The client's own number of the order.",
    "metadata": "Names and values of the client's own; the service keeps them and does not read them.",
    "ordered_at": "When the customer ordered, if that is not when the order was sent. It is kept in UTC.",
    "violations": "Why the order was rejected.",
    "version": "From 1, and one more with each change. It is also the ETag.",
    "placed_at": "When the service accepted the order.",
    "updated_at": "When the order got its version.",
    "item_count": "How many lines the order has.",
}
_ADDRESS = {
    "name": "Who receives it.",
    "company": "The company's name, if the address is a company's.",
    "line1": "Street and number, or a box.",
    "line2": "What the first line has no room for.",
    "city": "The town.",
    "region": "State, province or county.",
    "postal_code": "As it is written in the country.",
    "country": "A country code of ISO 3166-1 alpha-2, or XK.",
    "phone": "For the carrier.",
}
_CONTACT = {"email": "An e-mail address.", "phone": "A phone number, as the customer wrote it."}
DESCRIPTIONS: Mapping[str, Mapping[str, str]] = {
    "NewOrder": _ORDER,
    "OrderChange": _ORDER
    | {
        "status": "The status that the order should get.",
        "status_reason": "Why; it goes with a status.",
        "items": "All lines, in place of those that the order has. Only while the order is placed.",
        "adjustments": "All adjustments, in place of those that the order has. Only while the order is placed.",
        "metadata": "What differs: each name is replaced by itself, and null removes it.",
    },
    "Order": _ORDER,
    "Summary": _ORDER,
    "Accepted": _ORDER | {"status": "The order is on its way to the table."},
    "Erased": _ORDER | {"status": "The order's data was erased."},
    "Orders": {
        "orders": "The orders that were found.",
        "missing": "There is no such order, or it is another customer's.",
        "remaining": "The response had no room for these. Ask for them again.",
    },
    "LineItem": {
        "sku": "The shop's number of the article.",
        "name": "What the article is called.",
        "quantity": "How many.",
        "unit_price": "The price of one, in minor units.",
    },
    "Address": _ADDRESS,
    "AddressChange": _ADDRESS,
    "Adjustment": {
        "type": "What the amount is for.",
        "label": "What the customer reads beside it, such as the name of a coupon.",
        "amount": "In minor units: below 0 for a discount, 0 or more for all else.",
        "included": "Whether the prices contain it, as they may contain a VAT: then it is shown and not added.",
    },
    "Contact": _CONTACT,
    "ContactChange": _CONTACT,
    "Violation": {
        "pointer": "Where it is wrong (RFC 6901).",
        "detail": "What is wrong, in words.",
    },
    "Event": {
        "specversion": "The version of CloudEvents.",
        "id": "The order's id and version: the same in each repetition, so that consumers recognise one.",
        "source": "The stage that published the event.",
        "type": "What happened.",
        "subject": "The order's id.",
        "time": "When it happened.",
        "datacontenttype": "The media type of `data`.",
        "dataschema": "The schema of `data`. Its version changes with an incompatible change only.",
        "sequence": "The order's version: a consumer keeps the highest that it has seen of an order.",
        "sequencetype": "How `sequence` is compared: as a number.",
        "correlationid": "The id of the request that placed the order.",
        "traceparent": "The trace of that request (W3C Trace Context), if it sent one.",
        "dataref": "The path of the API where the order can be read, in an event that is too large to have `data`.",
        "replayed": "An operator published the event again.",
        "data": "The order after the change.",
    },
    "Health": {
        "status": "The service answers.",
        "service": "This service.",
        "stage": "The stage's name.",
    },
    "Index": {
        "service": "This service.",
        "stage": "The stage's name.",
        "openapi": "The path of this document.",
        "health": "The path of the health check.",
    },
    "Page": {
        "orders": "The orders of this page, newest first.",
        "next_cursor": "The cursor of the next page; null on the last.",
    },
    "Problem": {
        "type": "What kind of problem it is; programs decide by this.",
        "title": "The type in words.",
        "status": "The status code of the response.",
        "detail": "What is wrong with this request.",
        "instance": "The request's id, to name in a report.",
        "errors": "Each thing that is wrong with the document.",
        "current_status": "The status that the order has. In every `conflict`.",
        "allowed_statuses": "The statuses that the caller may ask for; none is an empty list. In every `conflict`.",
    },
}


def described(schemas: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The schemas with a description for each of their fields; KeyError for a field that has none."""
    return {name: _described(schema, DESCRIPTIONS.get(name, {})) for name, schema in schemas.items()}


def _described(schema: dict[str, Any], words: Mapping[str, str]) -> dict[str, Any]:
    if "properties" not in schema:
        return schema
    properties = {field: {**each, "description": words[field]} for field, each in schema["properties"].items()}
    return schema | {"properties": properties}
