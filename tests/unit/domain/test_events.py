"""Events: which event a change of the table stands for, and what is in it."""

import json

import pytest
from hypothesis import given

from chalicelib.domain import events
from chalicelib.domain.errors import Violation
from chalicelib.domain.events import OrderEvent
from chalicelib.domain.orders import TRANSITIONS, ErasedOrder, Order, OrderStatus
from testkit.builders import ADDRESS, CUSTOMER, LATER, NOW, ORDER_ID, an_order
from tests.unit.strategies import stored_orders

SOURCE = "urn:orders:test"
TRACE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
PLACED = an_order()
ERASED = PLACED.erase(LATER)


def after(status: OrderStatus | str = OrderStatus.PLACED, version: int = 2) -> Order:
    return an_order(status=OrderStatus(status), version=version, updated_at=LATER)


def the_event(before: Order | ErasedOrder | None, then: Order | ErasedOrder) -> OrderEvent:
    event = events.between(before, then, source=SOURCE)
    assert event is not None
    return event


@pytest.mark.parametrize(
    ("before", "then", "what"),
    [
        *((None, an_order(status=status), f"order.{status}") for status in TRANSITIONS),
        (PLACED, after(), "order.changed"),
        (PLACED, after("confirmed"), "order.confirmed"),
        (PLACED, after("cancelled"), "order.cancelled"),
        (after("confirmed"), after("shipped", 3), "order.shipped"),
        (after("confirmed"), after("confirmed", 3), "order.changed"),
        (after("shipped"), after("delivered", 3), "order.delivered"),
        (PLACED, ERASED, "order.erased"),
        (None, ERASED, "order.erased"),
    ],
)
def test_a_change_is_one_event(before: Order | None, then: Order | ErasedOrder, what: str) -> None:
    assert the_event(before, then).type == what


@pytest.mark.parametrize(
    ("before", "then"), [(PLACED, PLACED), (ERASED, ERASED), (PLACED, None), (ERASED, None), (None, None)]
)
def test_a_no_op_and_a_removal_make_no_event(
    before: Order | ErasedOrder | None, then: Order | ErasedOrder | None
) -> None:
    assert events.between(before, then, source=SOURCE) is None


def test_an_event_is_a_cloud_event_with_the_order_as_the_api_shows_it() -> None:
    assert json.loads(the_event(None, PLACED).to_json()) == {
        "specversion": "1.0",
        "id": f"{ORDER_ID}.1",
        "source": SOURCE,
        "type": "order.placed",
        "subject": ORDER_ID,
        "time": NOW,
        "datacontenttype": "application/json",
        "dataschema": "urn:orders:events:order.placed:v1",
        "sequence": "1",
        "sequencetype": "Integer",
        "correlationid": "request-1",
        "data": PLACED.shown(),
    }


def test_a_later_event_says_what_the_status_was() -> None:
    event = the_event(PLACED, after("confirmed"))
    assert event.data == after("confirmed").shown() | {"previous_status": "placed"}
    assert (event.id, event.sequence, event.time) == (f"{ORDER_ID}.2", "2", LATER)


@pytest.mark.parametrize("status", ["placed", "delivered", "cancelled"])
def test_a_change_of_status_that_only_an_import_makes_does_not_say_what_the_status_was(status: str) -> None:
    event = the_event(after("shipped" if status != "delivered" else "placed"), after(status, 3))
    assert (event.type, event.data) == (f"order.{status}", after(status, 3).shown())


@given(order=stored_orders())
def test_the_same_change_is_the_same_event_every_time(order: Order) -> None:
    assert the_event(None, order).to_json() == the_event(None, order.model_copy()).to_json()


def test_an_event_has_no_internal_field() -> None:
    text = the_event(None, an_order(fingerprint="f" * 32)).to_json()
    assert "fingerprint" not in text
    assert "f" * 32 not in text


def test_the_event_of_an_erased_order_has_no_personal_data() -> None:
    order = an_order(new={"shipping_address": ADDRESS, "note": "a note", "reference": "my reference"})
    event = the_event(order, order.erase(LATER))
    assert event.data == {"order_id": ORDER_ID, "status": "erased"}
    text = event.to_json()
    assert not any(secret in text for secret in (CUSTOMER, "Ann", "a note", "my reference", "85123A", "1530"))


def test_the_event_of_a_rejected_order_has_its_violations() -> None:
    order = an_order(status=OrderStatus.REJECTED, violations=(Violation("/items", "too many"),))
    assert (the_event(None, order).data or {})["violations"] == [{"pointer": "/items", "detail": "too many"}]


def test_a_thin_event_is_the_same_event_with_an_address_for_its_data() -> None:
    event = the_event(None, PLACED)
    thin = json.loads(event.thin().to_json())
    assert thin.pop("dataref") == f"/orders/{ORDER_ID}"
    whole = json.loads(event.to_json())
    del whole["data"]
    assert thin == whole


def test_the_events_of_an_order_and_of_its_erasure_carry_its_trace() -> None:
    order = an_order(traceparent=TRACE)
    assert the_event(None, order).traceparent == TRACE
    assert the_event(order, order.erase(LATER)).traceparent == TRACE
