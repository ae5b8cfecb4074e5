"""The rules of an order: strict values, known fields, and every violation with its place."""

from typing import Any

import pytest

from chalicelib.domain import orders
from chalicelib.domain.errors import InvalidOrder, Violation
from chalicelib.domain.orders import NewOrder, Order, OrderStatus
from testkit.builders import ADDRESS, CUSTOMER, NOW, ORDER_ID, line, new_order

NAN, INFINITY = float("nan"), float("inf")


def violations(value: Any) -> dict[str, str]:
    with pytest.raises(InvalidOrder) as caught:
        orders.parse(NewOrder, value)
    return {each.pointer: each.detail for each in caught.value.violations}


def with_line(**changes: Any) -> dict[str, Any]:
    return new_order(items=[line(**changes)])


def with_address(**changes: Any) -> dict[str, Any]:
    return new_order(shipping_address=ADDRESS | changes)


GOOD: list[dict[str, Any]] = [
    new_order(),
    with_line(quantity=1),
    with_line(quantity=1.0),
    with_line(quantity=1_000_000, unit_price=1_000_000),
    with_line(unit_price=0),
    with_line(unit_price=-0.0),
    with_line(quantity=1, unit_price=10**12),
    with_line(sku="a"),
    with_line(sku="é" * 64),
    with_line(sku=" spaced / odd ' \" \\ 😀 "),
    with_line(name=None),
    with_line(name="n" * 500),
    new_order(items=[line(unit_price=1)] * 2_000),
    new_order(note="n" * 2_000, reference="r" * 64),
    new_order(note=None, reference=None, shipping_address=None),
    new_order(currency="JPY"),
    with_address(line2="2", region="Yorkshire"),
    with_address(postal_code=None),
]


@pytest.mark.parametrize("value", GOOD, ids=lambda value: str(value)[:90])
def test_a_good_order_is_taken(value: Any) -> None:
    orders.parse(NewOrder, value)


BAD_WHOLE_NUMBERS: list[Any] = [
    "12", "1_0", "٣", "", True, False, None, 1.5, NAN, INFINITY, -INFINITY, 10**13, 10**4_000, -1, [], {}, [1], 1e300,
]  # fmt: skip


@pytest.mark.parametrize("name", ["quantity", "unit_price"])
@pytest.mark.parametrize("value", BAD_WHOLE_NUMBERS, ids=lambda value: str(value)[:20])
def test_a_value_that_is_not_a_whole_number_in_range_is_refused(name: str, value: Any) -> None:
    assert f"/items/0/{name}" in violations(with_line(**{name: value}))


@pytest.mark.parametrize(("name", "value"), [("quantity", 0), ("quantity", 1_000_001), ("unit_price", 10**12 + 1)])
def test_a_number_just_out_of_range_is_refused(name: str, value: int) -> None:
    assert f"/items/0/{name}" in violations(with_line(**{name: value}))


CONTROL = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))]
TEXTS: list[tuple[str, int]] = [
    ("/items/0/sku", 64),
    ("/shipping_address/name", 200),
    ("/shipping_address/line1", 200),
    ("/shipping_address/city", 100),
]
OPTIONAL_TEXTS: list[tuple[str, int]] = [
    ("/items/0/name", 500),
    ("/note", 2_000),
    ("/reference", 64),
    ("/shipping_address/line2", 200),
    ("/shipping_address/region", 100),
    ("/shipping_address/postal_code", 20),
    ("/shipping_address/company", 200),
    ("/shipping_address/phone", 40),
]
LINE_BREAKS_AND_TABS = "\t\n\r"


def with_text(pointer: str, value: Any) -> dict[str, Any]:
    name = pointer.rpartition("/")[2]
    if pointer.startswith("/items"):
        return with_line(**{name: value})
    if pointer.startswith("/shipping_address"):
        return with_address(**{name: value})
    return new_order(**{name: value})


@pytest.mark.parametrize(("pointer", "most"), TEXTS)
def test_a_text_is_one_to_so_many_printable_characters(pointer: str, most: int) -> None:
    orders.parse(NewOrder, with_text(pointer, "x" * most))
    assert violations(with_text(pointer, "")) == {pointer: "Must have at least 1 character"}
    check_wrong_texts(pointer, most)


@pytest.mark.parametrize(("pointer", "most"), OPTIONAL_TEXTS)
def test_an_optional_text_is_the_same_and_an_empty_one_is_left_out(pointer: str, most: int) -> None:
    name = pointer.rpartition("/")[2]
    assert name in orders.parse(NewOrder, with_text(pointer, "x" * most)).model_dump_json(exclude_none=True)
    assert orders.parse(NewOrder, with_text(pointer, "")) == orders.parse(NewOrder, with_text(pointer, None))
    check_wrong_texts(pointer, most)


def check_wrong_texts(pointer: str, most: int) -> None:
    wrong: list[Any] = ["x" * (most + 1), 12, True, ["x"], {}, "\ud800", "😀\udfff"]
    for bad in wrong:
        assert pointer in violations(with_text(pointer, bad)), bad
    for character in CONTROL:
        if pointer == "/note" and character in LINE_BREAKS_AND_TABS:
            assert orders.parse(NewOrder, with_text(pointer, f"a{character}b")).note == f"a{character}b"
        else:
            assert "control characters" in violations(with_text(pointer, f"a{character}b"))[pointer], repr(character)


@pytest.mark.parametrize("pointer", ["/items/0/sku", "/shipping_address/name"])
def test_a_required_text_is_not_null(pointer: str) -> None:
    assert pointer in violations(with_text(pointer, None))


@pytest.mark.parametrize("currency", ["gbp", "GB", "XXX", "XAU", "", "GBP ", None, 826, ["GBP"]])
def test_a_currency_must_be_a_code_of_the_list(currency: Any) -> None:
    assert set(violations(new_order(currency=currency))) == {"/currency"}


def test_kosovo_has_its_code() -> None:
    orders.parse(NewOrder, with_address(country="XK"))


@pytest.mark.parametrize("country", ["gb", "GBR", "XX", "UK", "", None, 44])
def test_a_country_must_be_a_code_of_the_list(country: Any) -> None:
    assert set(violations(with_address(country=country))) == {"/shipping_address/country"}


OURS = [
    "subtotal",
    "order_id",
    "customer_id",
    "status",
    "total",
    "version",
    "placed_at",
    "updated_at",
    "fingerprint",
    "item_count",
]


@pytest.mark.parametrize(
    "name", [*OURS, "correlation_id", "violations", "status_reason", "surplus", "Currency", "__class__"]
)
def test_an_unknown_field_is_refused(name: str) -> None:
    assert set(violations(new_order(**{name: "x"}))) == {f"/{name}"}


def test_an_unknown_nested_field_is_refused() -> None:
    assert set(violations(with_address(zip="1"))) == {"/shipping_address/zip"}
    assert "/items/0/total" in violations(with_line(total=1))


@pytest.mark.parametrize("missing", ["currency", "items"])
def test_a_missing_required_field_is_a_violation(missing: str) -> None:
    value = new_order()
    del value[missing]
    assert set(violations(value)) == {f"/{missing}"}


@pytest.mark.parametrize("value", [None, [], "order", 1, True, [new_order()]])
def test_an_order_must_be_an_object(value: Any) -> None:
    assert set(violations(value)) == {""}


@pytest.mark.parametrize("items", [[], None, {}, "items", {"0": line()}, [line(unit_price=1)] * 2_001])
def test_items_must_be_a_list_of_one_to_two_thousand(items: Any) -> None:
    assert set(violations(new_order(items=items))) == {"/items"}


def test_a_total_beyond_the_largest_amount_is_refused() -> None:
    words = "The items must cost at most 10^12 minor units together"
    assert violations(with_line(quantity=2, unit_price=10**12)) == {"/items": words}
    assert violations(new_order(items=[line(quantity=1, unit_price=10**12), line(quantity=1, unit_price=1)]))


def test_one_wrong_value_is_one_violation() -> None:
    """A second violation, "at least 1 item", would send the client looking for an error that it did not make."""
    assert set(violations(with_line(quantity="12"))) == {"/items/0/quantity"}


def test_every_violation_is_named_up_to_twenty() -> None:
    lines = [line(quantity=0)] * 100
    assert len(violations(new_order(items=lines))) == 20


def test_a_pointer_is_escaped_and_of_bounded_length() -> None:
    assert "/a~1b~0c" in violations(new_order(**{"a/b~c": 1}))
    (pointer,) = violations(new_order(**{"x" * 10_000: 1}))
    assert len(pointer) == 200


def test_a_violation_never_repeats_the_content() -> None:
    text = str(violations(new_order(note="secret\x00", currency="SECRET")))
    assert "secret" not in text.lower()


# --- the first version -----------------------------------------------------------------------------------------------

TRACE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
ACCEPTED = {
    "order_id": ORDER_ID,
    "customer_id": CUSTOMER,
    "placed_at": NOW,
    "correlation_id": "request-1",
    "traceparent": TRACE,
}


def test_an_order_is_placed_with_every_field_that_was_sent() -> None:
    document = new_order(shipping_address=ADDRESS, note="n", reference="r")
    new = orders.parse(NewOrder, document)
    assert Order.place(document, **ACCEPTED) == Order(
        **ACCEPTED,
        status=OrderStatus.PLACED,
        currency="GBP",
        items=new.items,
        total=1530,
        shipping_address=new.shipping_address,
        note="n",
        reference="r",
        version=1,
        updated_at=NOW,
        fingerprint=orders.fingerprint(new),
    )


def test_a_document_that_is_not_an_order_is_rejected_with_its_violations() -> None:
    document = new_order(currency="XXX")
    assert Order.place(document, **ACCEPTED) == Order(
        **ACCEPTED,
        status=OrderStatus.REJECTED,
        items=(),
        total=0,
        violations=(Violation("/currency", "Must be a currency code of ISO 4217, such as GBP"),),
        version=1,
        updated_at=NOW,
        fingerprint=orders.fingerprint(document),
    )


def test_the_violation_of_an_unknown_country_is_in_plain_words() -> None:
    assert violations(with_address(country="XX")) == {
        "/shipping_address/country": "Must be a country code of ISO 3166-1 alpha-2, such as GB"
    }
