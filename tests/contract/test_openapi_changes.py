"""A PATCH: the OpenAPI document and the code take the same merge patches of an order that has every field."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.changes import OrderChange
from chalicelib.domain.errors import InvalidOrder
from chalicelib.domain.orders import Order, OrderContent, parse
from ordersctl.contract.openapi.schemas import CHANGE, NEW_ORDER
from testkit.builders import an_order
from tests.contract.test_openapi import CHANGED, is_valid

SCHEMA = {"$ref": "#/components/schemas/OrderChange"}
LINE = NEW_ORDER["items"][0]
ADDRESS = NEW_ORDER["shipping_address"] | {"line2": "2", "region": "r", "company": "c", "phone": "1"}
TAX = {"type": "tax", "amount": 1, "included": True, "label": "VAT"}  # not added, so that no total is at its limit
FULL: dict[str, Any] = {
    "items": [LINE],
    "shipping_address": ADDRESS,
    "billing_address": ADDRESS,
    "note": "n",
    "adjustments": [TAX],
    "contact": {"email": "ann@example.com", "phone": "1"},
    "metadata": {f"old{number}": "v" for number in range(30)},
}
ADDRESS_TEXTS = {"name": 200, "line1": 200, "line2": 200, "city": 100, "region": 100, "postal_code": 20}
ADDRESS_TEXTS |= {"company": 200, "phone": 40}
COUNTS = {"quantity": (1, 1_000_000), "unit_price": (0, 10**12)}
NOT_TEXTS: list[Any] = [None, "", 5, {}, [], {"a": None}, "\x07", "two\nlines"]
ANYTHING: list[Any] = [None, "", 5, True, [], [5], {}, "text", {"unknown": None}]


def texts(limit: int) -> list[Any]:
    return ["x" * limit, "x" * (limit + 1), "é" * limit, *NOT_TEXTS]


def numbers(least: int, most: int) -> list[Any]:
    return [least, least - 1, most, most + 1, 1.0, 1.5, "1", True, None]


def at_and_beyond_every_limit() -> Iterator[dict[str, Any]]:
    """Patches of each field of the content with values at the field's limits, beyond them, and of other types."""
    for field in FULL:
        yield from ({field: value} for value in ANYTHING)
    yield from ({"note": value} for value in texts(2_000))
    for part in ("shipping_address", "billing_address"):
        yield from ({part: {name: value}} for name, limit in ADDRESS_TEXTS.items() for value in texts(limit))
        yield from ({part: {"country": value}} for value in ("XK", "UK", "gb", *NOT_TEXTS))
        yield from ({part: {"unknown": value}} for value in ANYTHING)
    yield from ({"contact": {"phone": value}} for value in texts(40))
    emails = (f"{'x' * 250}@y.z", f"{'x' * 251}@y.z", "ann", "a b@example.com", *NOT_TEXTS)
    yield from ({"contact": {"email": value}} for value in emails)
    yield from ({"items": [LINE | {"sku": value}]} for value in texts(64))
    yield from ({"items": [LINE | {"name": value}]} for value in texts(500))
    for name, (least, most) in COUNTS.items():
        lines = [{"sku": "s", "quantity": 1, "unit_price": 0, name: value} for value in numbers(least, most)]
        yield from ({"items": [line]} for line in lines)
    yield from ({"items": [LINE] * count} for count in (2_000, 2_001))
    yield from ({"items": [LINE | {"unknown": None}]}, {"items": [{"sku": "s", "quantity": 1}]})
    yield from ({"adjustments": [TAX] * count} for count in (50, 51))
    yield from ({"adjustments": [TAX | {"label": value}]} for value in texts(200))
    yield from ({"adjustments": [TAX | {"amount": value}]} for value in numbers(0, 10**12))
    discount = TAX | {"type": "discount"}
    yield from ({"adjustments": [discount | {"amount": value}]} for value in numbers(-(10**12), -1))
    yield from ({"adjustments": [TAX | {"included": value}]} for value in (False, None, 0, "true"))
    yield from ({"adjustments": [TAX | {"type": value}]} for value in ("rebate", None, ""))
    yield from ({"metadata": {"name": value}} for value in texts(500))
    for value in ("v", None, ""):
        yield from ({"metadata": {name: value}} for name in ("x" * 40, "x" * 41, "", "two\nlines"))
    removed = dict.fromkeys(FULL["metadata"])
    yield {"metadata": removed | {f"new{number}": "v" for number in range(50)}}
    yield from ({"metadata": {f"absent{number}": None for number in range(count)}} for count in (100, 101))


def of_content(changed: dict[str, Any]) -> bool:
    return changed.keys() <= OrderContent.model_fields.keys()


# The schema of a patch cannot say what the whole order may be.
OF_THE_WHOLE = [
    {"metadata": {str(number): "v" for number in range(21)}},
    {"metadata": {str(number): "c" for number in range(51)}},
    {"items": [LINE | {"quantity": 2, "unit_price": 10**12}]},
    {"adjustments": [{"type": "discount", "amount": -(10**12)}]},
]
PATCHES = [
    *at_and_beyond_every_limit(),
    *(each for each in CHANGED if of_content(each) and each not in OF_THE_WHOLE),
]


@pytest.fixture(scope="module")
def order() -> Order:
    return an_order(new=FULL)


def test_the_order_has_every_field_that_a_patch_can_change() -> None:
    assert FULL.keys() == OrderContent.model_fields.keys()


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: json.dumps(patch)[:60])
def test_code_and_document_agree_on_what_a_patch_may_make_of_the_content(
    document: dict[str, Any], order: Order, patch: Any
) -> None:
    assert is_applied(patch, order) == is_valid(document, SCHEMA, patch)


@pytest.mark.parametrize("patch", OF_THE_WHOLE, ids=lambda patch: json.dumps(patch)[:60])
def test_a_limit_of_the_whole_order_is_known_to_the_code_alone(
    document: dict[str, Any], order: Order, patch: Any
) -> None:
    assert (is_applied(patch, order), is_valid(document, SCHEMA, patch)) == (False, True)


@pytest.mark.parametrize(
    "patch",
    [
        {},
        CHANGE,
        {"status": None},
        {"status": "accepted"},
        {"status_reason": "x" * 201},
        {"total": 1},
        {"currency": "EUR"},
        [],
        None,
    ],
    ids=json.dumps,
)
def test_code_and_document_agree_on_the_fields_of_a_change(document: dict[str, Any], order: Order, patch: Any) -> None:
    assert is_applied(patch, order) == is_valid(document, SCHEMA, patch)


def is_applied(patch: Any, order: Order) -> bool:
    try:
        parse(OrderChange, patch).content_of(order)
    except InvalidOrder:
        return False
    return True
