"""A basket as a shop sends it, from the checkout to delivery: every field in each answer and event, none in a log."""

import copy
import io
import itertools
import json
from typing import Any

import pytest

from chalicelib.adapters import order_items
from chalicelib.domain import orders
from chalicelib.domain.errors import InvalidOrder
from chalicelib.domain.orders import ErasedOrder, NewOrder, Order
from testkit.builders import CUSTOMER, shop_basket
from testkit.lambda_events import stream_event
from tests.service.harness import ServiceHarness
from tests.service.test_change import SERVICE, erase, patch

EMPTY = [("shipping_address", "line2"), ("shipping_address", "region"), ("contact", "phone"), ("metadata", "affiliate")]
PERSONAL = [
    "Ann Lee",
    "Daughters",
    "High Street",
    "Low Street",
    "496 0000",
    "ann.lee",
    "birthday",
    "c_8Zk3",
    "2026-0003",
]


def kept(basket: dict[str, Any]) -> dict[str, Any]:
    """What the service keeps of the basket."""
    found = copy.deepcopy(basket)
    for part, name in EMPTY:
        del found[part][name]
    del found["adjustments"][3]["label"]
    return found | {"ordered_at": "2026-01-31T11:58:03.000Z"}


def placed(harness: ServiceHarness) -> str:
    accepted = harness.api().post("/orders", shop_basket())
    assert accepted.status == 202, accepted
    harness.process_queue()
    return str(accepted.json["order_id"])


def test_the_basket_of_a_shop_is_delivered_with_every_field(harness: ServiceHarness, log: io.StringIO) -> None:
    sent, expected = shop_basket(), kept(shop_basket())
    order_id = placed(harness)
    versions = [harness.stored(order_id)]
    for status in ("confirmed", "shipped", "delivered"):
        assert patch(harness, order_id, {"status": status}, **SERVICE).status == 200
        versions.append(harness.stored(order_id))
    read = harness.api().get(f"/orders/{order_id}").json
    assert {name: read[name] for name in expected} == expected
    goods = sum(each["quantity"] * each["unit_price"] for each in sent["items"])
    assert (read["status"], read["subtotal"], read["total"]) == ("delivered", goods, goods + 495 - goods // 10)
    assert not isinstance(versions[0], ErasedOrder)
    harness.publish(stream_event((None, versions[0]), *itertools.pairwise(versions)))
    for event in harness.received("invoicing", 4):
        assert {name: event["data"][name] for name in expected} == expected
        assert (event["data"]["subtotal"], event["data"]["total"]) == (read["subtotal"], read["total"])
    assert [each for each in PERSONAL if each in log.getvalue()] == []


def test_nothing_of_the_basket_is_left_when_it_is_erased(harness: ServiceHarness, log: io.StringIO) -> None:
    order_id = placed(harness)
    assert erase(harness, order_id).status == 204
    left = json.dumps(order_items.to_item(harness.stored(order_id)))  # type: ignore[arg-type]  # there is one
    assert set(
        harness.wiring.order_table().client.get_item(
            TableName=harness.wiring.order_table().name, Key=order_items.key(order_id)
        )["Item"]
    ) <= {"order_id", "status", "version", "updated_at", "correlation_id", "traceparent", "change_id"}
    assert [each for each in [*PERSONAL, CUSTOMER] if each in left + log.getvalue()] == []


def test_a_repeated_basket_is_the_same_order_whatever_the_order_of_its_names(harness: ServiceHarness) -> None:
    sent = shop_basket()
    again = dict(reversed(sent.items())) | {"metadata": dict(reversed(sent["metadata"].items()))}
    first = harness.api().post("/orders", sent, Idempotency_Key="basket")
    harness.process_queue()
    second = harness.api().post("/orders", again, Idempotency_Key="basket")
    assert (second.status, second.json) == (202, first.json)
    assert second.headers["Idempotency-Replayed"] == "true"


def test_metadata_merges_name_by_name_and_lists_are_replaced(harness: ServiceHarness) -> None:
    order_id = placed(harness)
    shipping = [{"type": "shipping", "amount": 100}]
    changed = patch(harness, order_id, {"metadata": {"cart": None, "parcel": "1"}, "adjustments": shipping})
    assert changed.json["metadata"] == {"channel": "web", "parcel": "1"}
    assert (changed.json["adjustments"], changed.json["total"]) == (shipping, changed.json["subtotal"] + 100)
    emptied = patch(
        harness, order_id, {"metadata": {"channel": "", "parcel": None}, "note": "", "contact": {"email": ""}}
    )
    assert emptied.status == 200
    assert not {"metadata", "note", "contact"} & emptied.json.keys()
    assert harness.api().get(f"/orders/{order_id}").json == emptied.json


def test_metadata_changes_when_nothing_else_does(harness: ServiceHarness) -> None:
    order_id = placed(harness)
    for status in ("confirmed", "shipped", "delivered"):
        patch(harness, order_id, {"status": status}, **SERVICE)
    assert patch(harness, order_id, {"metadata": {"returned": "yes"}}).json["metadata"]["returned"] == "yes"
    changes: list[dict[str, Any]] = [{"note": "n"}, {"contact": None}, {"billing_address": None}, {"adjustments": []}]
    assert [patch(harness, order_id, each).status for each in changes] == [409] * len(changes)
    assert patch(harness, order_id, {"ordered_at": "2026-01-01T00:00:00Z"}).status == 422


def wrong(**changes: Any) -> dict[str, str]:
    with pytest.raises(InvalidOrder) as caught:
        orders.parse(NewOrder, shop_basket() | changes, now="2026-02-01T12:00:00.000Z")
    return {each.pointer: each.detail for each in caught.value.violations}


DISCOUNT, TAX = {"type": "discount", "amount": -1}, {"type": "tax", "amount": 1}
AMOUNT = "/adjustments/0/amount"
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"adjustments": [DISCOUNT | {"amount": 1}]}, AMOUNT, "The amount of a discount must be below 0"),
    ({"adjustments": [DISCOUNT | {"amount": 0}]}, AMOUNT, "The amount of a discount must be below 0"),
    ({"adjustments": [TAX | {"amount": -1}]}, AMOUNT, "Only the amount of a discount may be below 0"),
    ({"adjustments": [TAX, TAX | {"label": "a\nb"}]}, "/adjustments/1/label", "no control characters, such as line"),
    ({"adjustments": [TAX] * 51}, "/adjustments", "Must have at most 50 items"),
    ({"adjustments": [TAX | {"type": "rebate"}]}, "/adjustments/0/type", '"fee", "tip" or "discount"'),
    ({"adjustments": [TAX | {"included": 1}]}, "/adjustments/0/included", "Must be true or false"),
    ({"adjustments": [TAX | {"amount": "1"}]}, AMOUNT, "Must be a whole number of minor units: 255 for GBP 2.55"),
    ({"adjustments": [DISCOUNT | {"amount": -(10**9)}]}, "/adjustments", "The total must be 0 to 10^12 minor units"),
    ({"adjustments": [TAX | {"amount": 10**12}]}, "/adjustments", "The total must be 0 to 10^12 minor units"),
    ({"adjustments": {}}, "/adjustments", "Must be an array"),
    ({"contact": {"email": "ann"}}, "/contact/email", "Must be an e-mail address"),
    ({"contact": {"email": "ann lee@example.com"}}, "/contact/email", "Must be an e-mail address"),
    ({"contact": {"fax": "1"}}, "/contact/fax", "There is no such field: leave it out"),
    ({"contact": "ann"}, "/contact", "Must be an object"),
    ({"metadata": {"a" * 41: "b"}}, f"/metadata/{'a' * 41}", "A name in it is wrong: Must have at most 40"),
    ({"metadata": {"": "b"}}, "/metadata/", "A name in it is wrong: Must have at least 1 character"),
    ({"metadata": {"": ""}}, "/metadata/", "Must have at least 1 character"),
    ({"metadata": {"a": "b" * 501}}, "/metadata/a", "Must have at most 500 characters"),
    ({"metadata": {"a": 1}}, "/metadata/a", "Must be a string"),
    ({"metadata": {str(n): "b" for n in range(51)}}, "/metadata", "Must have at most 50 names"),
    ({"metadata": []}, "/metadata", "Must be an object"),
    ({"ordered_at": "2026-02-01T12:01:01Z"}, "/ordered_at", "Must not be in the future"),
    ({"ordered_at": "yesterday"}, "/ordered_at", "Must be a time like 2026-01-31T12:00:00Z (RFC 3339)"),
    ({"ordered_at": "2026-02-30T12:00:00Z"}, "/ordered_at", "Must be a time like 2026-01-31T12:00:00Z"),
    ({"ordered_at": 1769860800}, "/ordered_at", "Must be a string"),
    ({"note": "a\x00b"}, "/note", "Must have no control characters but line breaks and tabs"),
    ({"billing_address": {}}, "/billing_address/name", "This field is required"),
]  # fmt: skip
TECHNICAL = ["pattern", "dict", "tuple", "NewOrder", "Address", "Contact", "[^", "instance", "bool"]


@pytest.mark.parametrize(("changes", "pointer", "detail"), WRONG, ids=lambda each: str(each)[:60])
def test_what_is_wrong_is_named_by_its_place_in_plain_words(changes: dict[str, Any], pointer: str, detail: str) -> None:
    found = wrong(**changes)
    assert detail in found[pointer]
    assert [word for word in TECHNICAL for each in found.values() if word in each] == []


def test_a_clock_that_is_a_little_ahead_is_no_future() -> None:
    order = orders.parse(
        NewOrder, shop_basket() | {"ordered_at": "2026-02-01T13:00:30+01:00"}, now="2026-02-01T12:00:00Z"
    )
    assert order.ordered_at == "2026-02-01T12:00:30.000Z"


def test_the_api_refuses_an_order_of_tomorrow(harness: ServiceHarness) -> None:
    refused = harness.api().post("/orders", shop_basket() | {"ordered_at": "2999-01-01T00:00:00Z"})
    assert (refused.status, [each["pointer"] for each in refused.json["errors"]]) == (422, ["/ordered_at"])


def test_an_order_without_anything_new_is_stored_as_it_was(harness: ServiceHarness) -> None:
    accepted = harness.api().post("/orders", {"currency": "GBP", "items": [shop_basket()["items"][0]]})
    (message,) = harness.process_queue()
    assert "revision" not in json.loads(message)
    stored = harness.stored(accepted.json["order_id"])
    assert isinstance(stored, Order)
    assert not order_items.to_item(stored).keys() & {"adjustments", "subtotal", "contact", "metadata", "ordered_at"}
