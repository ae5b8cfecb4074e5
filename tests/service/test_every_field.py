"""Every field of an order, from the API to the event: if a hop drops a field, a test here fails and names the field.

Orders with a value of its own in each field are made from the models' JSON Schemas, so a new field is walked as soon as
it is declared.
"""

import json
import uuid
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.adapters import order_items
from chalicelib.domain import events
from chalicelib.domain.orders import CHANGE_RULES, INTERNAL, SUMMARY, NewOrder, Order, OrderContent
from chalicelib.domain.parts import Address, Adjustment, Contact, LineItem
from ordersctl.contract import event_schemas
from ordersctl.contract.openapi import schemas as openapi_schemas
from testkit.builders import full_document
from testkit.item_sizes import index_entry
from testkit.lambda_events import stream_event
from tests.service.harness import ServiceHarness
from tests.unit.strategies import ADDRESS, ADJUSTMENT, CONTENT, LINE


def parts(value: Any, path: str = "") -> dict[str, Any]:
    """Every text, number and truth value of a JSON document by its place."""
    if isinstance(value, dict):
        value = list(value.items())
    elif isinstance(value, list):
        value = list(enumerate(value))
    else:
        return {path: value}
    return {place: part for name, each in value for place, part in parts(each, f"{path}/{name}").items()}


PARTS = (NewOrder, LineItem, Address, Adjustment, Contact)
SENT, PATCH = full_document(NewOrder), full_document(OrderContent, flags=False)
STORED = Order.model_validate(full_document(Order) | {"status": "placed"})

# A new field that Order or CHANGE_RULES does not have is named once, by the test of its declaration: no order is sent
# through the hops, where each would fail for that same reason.
IS_DECLARED = (
    NewOrder.model_fields.keys() <= Order.model_fields.keys()
    and OrderContent.model_fields.keys() <= CHANGE_RULES.keys()
)
SENT_PLACES = list(parts(SENT)) if IS_DECLARED else []
PATCHED_PLACES = list(parts(PATCH)) if IS_DECLARED else []
LISTED_FIELDS = sorted(SUMMARY & NewOrder.model_fields.keys()) if IS_DECLARED else []
SHOWN_FIELDS = sorted(Order.model_fields.keys() - INTERNAL) if IS_DECLARED else []


@dataclass(frozen=True)
class Hops:
    """One order as each hop has it, in the order of the hops: first placed, then changed in all that can change."""

    placed: dict[str, dict[str, Any]]
    listed: dict[str, Any]
    changed: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def hops(built: ServiceHarness) -> Hops:
    built.empty_queues()
    customer_id = f"c-{uuid.uuid4().hex}"
    api = built.api(subject=customer_id)
    accepted = api.post("/orders", SENT)
    assert accepted.status == 202, accepted
    (command,) = built.process_queue()
    at = f"/orders/{accepted.json['order_id']}"
    placed = built.stored(accepted.json["order_id"])
    assert isinstance(placed, Order)
    read = api.get(at).json
    (listed,) = api.get(f"/customers/{customer_id}/orders").json["orders"]
    patched = api.call("PATCH", at, json.dumps(PATCH), Content_Type="application/merge-patch+json", If_Match='"1"')
    assert patched.status == 200, patched
    changed = built.stored(placed.order_id)
    assert isinstance(changed, Order)
    built.publish(stream_event((None, placed), (placed, changed)))
    of_placed, of_changed = built.received("invoicing", 2)
    return Hops(
        {
            "the command": json.loads(command)["order"],
            "the item": placed.shown(),
            "GET": read,
            "order.placed": of_placed["data"],
        },
        listed,
        {"PATCH": patched.json, "the changed item": changed.shown(), "order.changed": of_changed["data"]},
    )


# --- what a client sends ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", NewOrder.model_fields)
def test_a_field_of_a_new_order_is_a_field_of_the_stored_order(field: str) -> None:
    assert field in Order.model_fields, f"Order does not declare {field}, which a client may send"


@pytest.mark.parametrize("place", SENT_PLACES)
def test_every_field_that_a_client_sends_reaches_every_hop(hops: Hops, place: str) -> None:
    for hop, document in hops.placed.items():
        assert parts(document).get(place) == parts(SENT)[place], f"{hop} drops {place}"


@pytest.mark.parametrize("field", LISTED_FIELDS)
def test_a_list_shows_the_fields_as_they_were_sent(hops: Hops, field: str) -> None:
    assert hops.listed.get(field) == SENT[field], f"the list drops {field}"


@pytest.mark.parametrize("place", PATCHED_PLACES)
def test_every_field_that_a_client_changes_is_changed_at_every_hop(hops: Hops, place: str) -> None:
    for hop, document in hops.changed.items():
        assert parts(document).get(place) == parts(PATCH)[place], f"{hop} drops {place}"


@pytest.mark.parametrize("field", OrderContent.model_fields)
def test_a_field_that_a_client_may_change_has_a_change_rule(field: str) -> None:
    assert field in CHANGE_RULES, f"CHANGE_RULES has no rule for {field}"


@pytest.mark.parametrize(("model", "field"), [(model, field) for model in PARTS for field in model.model_fields])
def test_an_optional_field_that_is_left_out_is_none(model: Any, field: str) -> None:
    """Any other default would change the fingerprints of orders that were placed before the field was declared."""
    declared = model.model_fields[field]
    assert declared.is_required() or declared.default is None, f"{field} has a default that is not None"


@pytest.mark.parametrize(
    ("model", "generated"), [(NewOrder, CONTENT), (LineItem, LINE), (Address, ADDRESS), (Adjustment, ADJUSTMENT)]
)
def test_the_property_tests_generate_every_field(model: Any, generated: dict[str, Any]) -> None:
    missing = sorted(model.model_fields.keys() - generated.keys())
    assert missing == [], f"tests/unit/strategies.py has no strategy for these fields of {model.__name__}"


# --- what is stored --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", Order.model_fields)
def test_every_field_of_an_order_is_kept_and_shown_where_it_should_be(field: str) -> None:
    value = getattr(STORED, field)
    item = order_items.to_item(STORED)
    read = order_items.from_item(item)
    event = events.between(None, STORED, source="urn:orders:test")
    assert event is not None
    assert event.data is not None
    assert getattr(read, field) == value, f"the item drops {field}"
    assert (field in STORED.shown()) == (field not in INTERNAL), f"GET drops {field}, or shows what is internal"
    assert (field in event.data) == (field not in INTERNAL), f"the event drops {field}, or shows what is internal"
    if field in SUMMARY:
        assert order_items.to_summary(index_entry(item)).get(field) == value, f"the list drops {field}"


@pytest.mark.parametrize("field", SHOWN_FIELDS)
def test_every_field_that_is_shown_is_described(field: str) -> None:
    described = openapi_schemas.schemas()
    assert field in described["Order"]["properties"], f"OpenAPI drops {field}"
    assert (field in described["Summary"]["properties"]) == (field in SUMMARY)
    assert field in event_schemas.schemas()["order.changed"]["properties"]["data"]["properties"]


def test_a_change_changes_every_value() -> None:
    """Otherwise a change that is dropped would look like one that was made."""
    assert [place for place, value in parts(PATCH).items() if parts(SENT)[place] == value] == []
