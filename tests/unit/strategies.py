"""Hypothesis strategies for orders of every shape."""

from typing import Any

from hypothesis import strategies as st

from chalicelib.domain import orders
from chalicelib.domain.errors import Violation
from chalicelib.domain.iso_codes import COUNTRIES, CURRENCY_EXPONENTS
from chalicelib.domain.orders import ErasedOrder, NewOrder, Order, OrderStatus
from chalicelib.domain.parts import Address, Adjustment, Contact, LineItem
from testkit.builders import CUSTOMER, LATER, NOW, fresh_order_id

_PRINTABLE = st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")


EARLIER = "2025-12-24T18:30:00.000Z"


def texts(most: int) -> st.SearchStrategy[str]:
    return st.text(_PRINTABLE, min_size=1, max_size=min(most, 12))


# A strategy for each field of LineItem, Address, Adjustment and NewOrder.
LINE: dict[str, Any] = {
    "sku": texts(64),
    "name": st.none() | texts(500),
    "quantity": st.integers(1, 1_000_000),
    "unit_price": st.integers(0, 100_000),
}
ADDRESS: dict[str, Any] = {
    "name": texts(200),
    "line1": texts(200),
    "line2": st.none() | texts(200),
    "city": texts(100),
    "region": st.none() | texts(100),
    "postal_code": st.none() | texts(20),
    "country": st.sampled_from(sorted(COUNTRIES)),
    "company": st.none() | texts(200),
    "phone": st.none() | texts(40),
}
ADJUSTMENT: dict[str, Any] = {
    "type": st.sampled_from(["shipping", "tax", "fee", "tip"]),
    "label": st.none() | texts(200),
    "amount": st.integers(0, 100_000),
    "included": st.none() | st.booleans(),
}
EMAILS = st.sampled_from(["ann@example.com", "o'neill+x@xn--bcher-kva.example", "jürgen@bücher.example"])
CONTACTS = st.builds(Contact, email=EMAILS, phone=st.none() | texts(40)) | st.builds(Contact, phone=texts(40))
METADATA = st.dictionaries(texts(40), texts(500), min_size=1, max_size=3).map(lambda pairs: dict(sorted(pairs.items())))
CONTENT: dict[str, Any] = {
    "items": st.lists(st.builds(LineItem, **LINE), min_size=1, max_size=4).map(tuple),
    "shipping_address": st.none() | st.builds(Address, **ADDRESS),
    "note": st.none() | texts(2_000) | st.sampled_from(["a\nb", "a\r\n\tb"]),
    "adjustments": st.none() | st.lists(st.builds(Adjustment, **ADJUSTMENT), min_size=1, max_size=3).map(tuple),
    "billing_address": st.none() | st.builds(Address, **ADDRESS),
    "contact": st.none() | CONTACTS,
    "metadata": st.none() | METADATA,
    "currency": st.sampled_from(sorted(CURRENCY_EXPONENTS)),
    "reference": st.none() | texts(64),
    "ordered_at": st.none() | st.sampled_from([EARLIER, NOW]),
}
VIOLATIONS = st.lists(st.builds(Violation, pointer=st.text(max_size=5), detail=texts(50)), min_size=1, max_size=3)


def new_orders() -> st.SearchStrategy[NewOrder]:
    return st.builds(NewOrder, **CONTENT)


@st.composite
def stored_orders(draw: st.DrawFn) -> Order:
    """Any order that was not rejected."""
    new = draw(new_orders())
    return Order(
        order_id=fresh_order_id(),
        customer_id=CUSTOMER,
        status=draw(st.sampled_from([each for each in OrderStatus if each not in {"rejected", "erased"}])),
        status_reason=draw(st.none() | texts(200)),
        total=new.total,
        version=draw(st.integers(1, 10**9)),
        placed_at=NOW,
        updated_at=LATER,
        fingerprint=orders.fingerprint(new),
        correlation_id="request-1",
        **{name: getattr(new, name) for name in CONTENT},
    )


@st.composite
def rejected_orders(draw: st.DrawFn) -> Order:
    return Order(
        order_id=fresh_order_id(),
        customer_id=CUSTOMER,
        status=OrderStatus.REJECTED,
        items=(),
        total=0,
        violations=tuple(draw(VIOLATIONS)),
        version=1,
        placed_at=NOW,
        updated_at=NOW,
        fingerprint="f",
        correlation_id="request-1",
    )


def erased_orders() -> st.SearchStrategy[ErasedOrder]:
    return stored_orders().map(lambda order: order.erase(LATER))
