"""The fingerprint of an order: one for equal orders, another for any other, and for all time."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain import orders
from chalicelib.domain.orders import NewOrder
from testkit.builders import line, new_order
from tests.unit.domain.test_orders import violations, with_address, with_line


def test_equal_orders_have_one_fingerprint_however_they_are_written() -> None:
    written = orders.parse(NewOrder, {"items": [line(quantity=6.0)], "note": None, "currency": "GBP"})
    assert orders.fingerprint(written) == orders.fingerprint(orders.parse(NewOrder, new_order()))


@pytest.mark.parametrize(
    "other",
    [
        new_order(note="x"),
        new_order(reference="x"),
        new_order(currency="EUR"),
        with_line(quantity=7),
        with_line(name=None),
        new_order(items=[line(), line()]),
        with_address(),
    ],
)
def test_another_order_has_another_fingerprint(other: Any) -> None:
    assert orders.fingerprint(orders.parse(NewOrder, other)) != orders.fingerprint(orders.parse(NewOrder, new_order()))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


@given(value=JSON)
def test_any_json_value_is_judged_and_has_a_fingerprint(value: Any) -> None:
    assert violations(value)
    assert len(orders.fingerprint(value)) == 32


@given(value=st.dictionaries(st.sampled_from(["currency", "items", "note", "shipping_address"]), JSON))
def test_any_order_like_value_is_judged(value: Any) -> None:
    assert violations(value)


def test_a_document_has_the_fingerprint_that_earlier_releases_gave_it() -> None:
    assert orders.fingerprint(orders.parse(NewOrder, new_order())) == "3abc7bc602b8beb011402aad6e58d5e6"
    assert (
        orders.fingerprint({"b": 1, "a": None})
        == orders.fingerprint({"a": None, "b": 1})
        == "84950323fcbaa4d338198db3af5c878d"
    )
