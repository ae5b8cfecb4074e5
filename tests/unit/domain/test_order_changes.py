"""Changes of an order: transitions, changes of its content, erasure, and merge patches."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain import orders
from chalicelib.domain.changes import OrderChange, merge_patch
from chalicelib.domain.errors import IllegalTransition, InvalidOrder, NotChangeable, NotPermitted
from chalicelib.domain.orders import TRANSITIONS, ErasedOrder, Order, OrderContent, OrderStatus
from chalicelib.domain.parts import LineItem
from testkit.builders import ADDRESS, CUSTOMER, LATER, ORDER_ID, an_order, line
from tests.unit.strategies import stored_orders

STORED = [status for status in OrderStatus if status is not OrderStatus.ERASED]
SHIPPING = {"type": "shipping", "amount": 495}
LEGAL = {
    ("placed", "confirmed"),
    ("placed", "cancelled"),
    ("confirmed", "shipped"),
    ("confirmed", "cancelled"),
    ("shipped", "delivered"),
}


def changed(order: Order, *, by_service: bool = True, **changes: Any) -> Order:
    content = changes.pop("content", None)
    return order.change(
        None if content is None else orders.parse(OrderContent, order.content | content),
        status=changes.get("status"),
        reason=changes.get("reason"),
        by_service=by_service,
        now=LATER,
    )


def test_every_stored_status_has_its_transitions() -> None:
    assert set(TRANSITIONS) == set(STORED)
    assert {(source, target) for source, targets in TRANSITIONS.items() for target in targets} == LEGAL


@pytest.mark.parametrize("target", list(OrderStatus))
@pytest.mark.parametrize("source", STORED)
def test_a_service_may_make_the_legal_transitions_and_no_other(source: OrderStatus, target: OrderStatus) -> None:
    order = an_order(status=source)
    if source is target:
        assert changed(order, status=target) is order
    elif (source, target) in LEGAL:
        after = changed(order, status=target, reason="why")
        assert after == order.model_copy(
            update={"status": target, "status_reason": "why", "version": 2, "updated_at": LATER}
        )
    else:
        with pytest.raises(IllegalTransition) as caught:
            changed(order, status=target)
        assert caught.value.allowed == sorted(TRANSITIONS[source])


@pytest.mark.parametrize("target", list(OrderStatus))
@pytest.mark.parametrize("source", STORED)
def test_an_owner_may_cancel_and_nothing_else(source: OrderStatus, target: OrderStatus) -> None:
    order = an_order(status=source)
    if source is target:
        assert changed(order, status=target, by_service=False) is order
    elif target is not OrderStatus.CANCELLED:
        with pytest.raises(NotPermitted):
            changed(order, status=target, by_service=False)
    elif (source, target) in LEGAL:
        assert changed(order, status=target, by_service=False).status == OrderStatus.CANCELLED
    else:
        with pytest.raises(IllegalTransition) as caught:
            changed(order, status=target, by_service=False)
        assert caught.value.allowed == []


def test_an_owner_is_shown_only_transitions_that_an_owner_may_make() -> None:
    with pytest.raises(IllegalTransition) as caught:
        changed(an_order(status=OrderStatus.SHIPPED), status=OrderStatus.CANCELLED, by_service=False)
    assert caught.value.allowed == []


def test_new_items_make_a_new_total() -> None:
    after = changed(an_order(), content={"items": [line(quantity=1, unit_price=7)]})
    assert (after.total, after.version, after.updated_at, after.item_count) == (7, 2, LATER, 1)


@pytest.mark.parametrize("content", [{"items": [line(quantity=1)]}, {"adjustments": [SHIPPING]}])
@pytest.mark.parametrize("status", STORED)
def test_items_and_adjustments_change_only_while_placed(status: OrderStatus, content: dict[str, Any]) -> None:
    order = an_order(status=status)
    if status is OrderStatus.PLACED:
        assert changed(order, content=content).version == 2
    else:
        with pytest.raises(NotChangeable):
            changed(order, content=content)


@pytest.mark.parametrize("status", STORED)
def test_metadata_changes_always_but_not_of_a_rejected_order(status: OrderStatus) -> None:
    order = an_order(status=status)
    if status is OrderStatus.REJECTED:
        with pytest.raises(NotChangeable):
            changed(order, content={"metadata": {"parcel": "1"}})
    else:
        after = changed(order, content={"metadata": {"parcel": "1"}})
        assert (after.metadata, after.version) == ({"parcel": "1"}, 2)


DELIVERY = [{"note": "new"}, {"shipping_address": ADDRESS}, {"billing_address": ADDRESS}, {"contact": {"phone": "1"}}]


@pytest.mark.parametrize("content", DELIVERY)
@pytest.mark.parametrize("status", STORED)
def test_addresses_contact_and_note_change_until_shipped(status: OrderStatus, content: dict[str, Any]) -> None:
    order = an_order(status=status)
    if status in {OrderStatus.PLACED, OrderStatus.CONFIRMED}:
        assert changed(order, content=content).version == 2
    else:
        with pytest.raises(NotChangeable):
            changed(order, content=content)


def test_new_adjustments_make_a_new_total() -> None:
    order = an_order(new={"adjustments": [SHIPPING]})
    coupon = {"type": "discount", "amount": -530}
    after = changed(order, content={"adjustments": [SHIPPING, coupon]})
    assert (order.total, after.subtotal, after.total) == (2025, 1530, 1495)
    assert changed(after, content={"adjustments": None}).total == 1530
    assert changed(after, content={"items": [line(quantity=2)]}).total == 475


def test_content_and_status_change_in_one_version() -> None:
    after = changed(an_order(), content={"note": "n"}, status=OrderStatus.CONFIRMED)
    assert (after.note, after.status, after.version) == ("n", OrderStatus.CONFIRMED, 2)


@given(order=stored_orders())
def test_asking_for_the_current_values_changes_nothing(order: Order) -> None:
    assert changed(order, content={}, status=order.status) is order


def test_a_reason_alone_changes_nothing() -> None:
    order = an_order()
    assert changed(order, reason="why") is order


@pytest.mark.parametrize(
    ("patch", "note", "address"),
    [
        ({"status": "confirmed"}, "old", ADDRESS),
        ({"note": "new"}, "new", ADDRESS),
        ({"note": None}, None, ADDRESS),
        ({"note": ""}, None, ADDRESS),
        ({"shipping_address": {"line2": ""}}, "old", ADDRESS),
        ({"shipping_address": {"postal_code": ""}}, "old", {n: v for n, v in ADDRESS.items() if n != "postal_code"}),
        ({"shipping_address": None}, "old", None),
        ({"shipping_address": {"city": "York"}}, "old", ADDRESS | {"city": "York"}),
        ({"shipping_address": {"postal_code": None}}, "old", {n: v for n, v in ADDRESS.items() if n != "postal_code"}),
    ],
)
def test_a_change_names_only_what_differs(patch: Any, note: str | None, address: Any) -> None:
    order = an_order(new={"note": "old", "shipping_address": ADDRESS})
    content = orders.parse(OrderChange, patch).content_of(order)
    after = order.change(content, status=None, reason=None, by_service=True, now=LATER).shown()
    assert (after.get("note"), after.get("shipping_address"), after["items"]) == (note, address, [line()])


@pytest.mark.parametrize(
    "patch",
    [
        {"items": None},
        {"items": []},
        {"items": {"0": {"quantity": 1}}},
        {"items": [line(quantity="1")]},
        {"shipping_address": {"city": ""}},
        {"shipping_address": {"city": None}},
        {"shipping_address": {"zip": "1"}},
        {"note": {"a": {"b": None}}},
        {"status": "accepted"},
        {"status": "Placed"},
        {"status": 1},
        {"currency": "EUR"},
        {"version": 2},
        {"total": 1},
        {"surplus": None},
        [],
        None,
        "cancelled",
    ],
    ids=str,
)
def test_a_change_that_would_make_an_invalid_order_is_refused(patch: Any) -> None:
    order = an_order(new={"shipping_address": ADDRESS})
    with pytest.raises(InvalidOrder):
        orders.parse(OrderChange, patch).content_of(order)


def test_a_rejected_order_says_that_it_has_nothing_to_change() -> None:
    rejected = an_order(status=OrderStatus.REJECTED)
    with pytest.raises(NotChangeable, match=r"^an order that is rejected has nothing to change$"):
        orders.parse(OrderChange, {"note": "n"}).content_of(rejected)
    assert orders.parse(OrderChange, {"status": "placed"}).content_of(rejected) is None


def test_a_change_leaves_the_order_that_it_starts_from_unmodified() -> None:
    order = an_order()
    changed(order, status=OrderStatus.CONFIRMED)
    assert order == an_order()


def test_an_erased_order_keeps_nothing_personal() -> None:
    order = an_order(new={"shipping_address": ADDRESS, "note": "a note"}, version=4, change_id="change-1")
    tombstone = order.erase(LATER)
    assert tombstone == ErasedOrder(
        order_id=ORDER_ID, version=5, updated_at=LATER, correlation_id="request-1", change_id="change-1"
    )
    assert CUSTOMER not in tombstone.model_dump_json()


def test_the_shown_order_has_no_internal_field() -> None:
    shown = an_order(new={"note": "n"}).shown()
    assert shown == {
        "order_id": ORDER_ID,
        "customer_id": CUSTOMER,
        "status": "placed",
        "currency": "GBP",
        "items": [line()],
        "subtotal": 1530,
        "total": 1530,
        "note": "n",
        "version": 1,
        "placed_at": "2026-01-31T12:00:00.000Z",
        "updated_at": "2026-01-31T12:00:00.000Z",
    }


# RFC 7396, appendix A: the original, the patch, the result.
RFC_7396: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "result"), RFC_7396)
def test_a_merge_patch_does_what_the_rfc_says(target: Any, patch: Any, result: Any) -> None:
    assert merge_patch(target, patch) == result


@given(target=st.dictionaries(st.text(max_size=3), st.integers() | st.dictionaries(st.text(max_size=3), st.integers())))
def test_a_document_is_its_own_patch(target: dict[str, Any]) -> None:
    assert merge_patch(target, target) == target
    assert merge_patch({}, target) == target


def test_a_merge_patch_leaves_its_target_alone() -> None:
    target = {"a": {"b": 1}}
    merge_patch(target, {"a": {"b": None}})
    assert target == {"a": {"b": 1}}


def test_items_note_and_address_change_together() -> None:
    content = {"items": [line(quantity=1)], "note": "new", "shipping_address": ADDRESS}
    order = changed(an_order(), content=content)
    assert (order.items[0].quantity, order.total, order.note) == (1, 255, "new")
    assert order.shipping_address is not None


def test_a_refusal_says_what_is_fixed_and_what_was_asked_for() -> None:
    with pytest.raises(NotChangeable, match=r"^the items and adjustments of an order that is confirmed are fixed$"):
        changed(an_order(status=OrderStatus.CONFIRMED), content={"items": [line(quantity=1)]})
    with pytest.raises(NotChangeable, match=r"^the addresses, contact and note of an order that is shipped are fixed$"):
        changed(an_order(status=OrderStatus.SHIPPED), content={"note": "new"})
    with pytest.raises(NotPermitted, match=r"^only a service may ask for shipped$"):
        changed(an_order(), status=OrderStatus.SHIPPED, by_service=False)
    with pytest.raises(IllegalTransition) as refused:
        changed(an_order(), status=OrderStatus.DELIVERED)
    assert (refused.value.current, refused.value.asked) == ("placed", "delivered")


def test_a_change_of_status_does_not_judge_content_that_is_older_than_its_rules() -> None:
    old = an_order().model_copy(update={"items": (LineItem.model_construct(sku="", quantity=0, unit_price=0),)})
    change = orders.parse(OrderChange, {"status": "confirmed"})
    assert change.content_of(old) is None
