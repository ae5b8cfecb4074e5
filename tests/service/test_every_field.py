"""Every field of an order, from the API to the event: a field that is dropped on the way fails here by its name.

Orders with a value of its own in each field are made from the models' JSON Schemas, so a new field is walked as soon as
it is declared.
"""

import itertools
import json
import uuid
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.adapters import order_items
from chalicelib.domain import events
from chalicelib.domain.orders import CHANGE_RULES, INTERNAL, SUMMARY, NewOrder, Order, OrderContent
from chalicelib.domain.parts import Address, LineItem
from ordersctl.contract import event_schemas
from ordersctl.contract.openapi import schemas as openapi_schemas
from testkit.item_sizes import index_entry
from testkit.lambda_events import stream_event
from tests.service.harness import ServiceHarness

_numbers = itertools.count(2)


def whole(model: Any, *, flags: bool = True) -> dict[str, Any]:
    """A JSON document of a model with every field in it, no two texts or numbers alike."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})

    def value_of(name: str, schema: dict[str, Any]) -> Any:
        number = next(_numbers)
        value: Any
        match schema:
            case {"$ref": reference}:
                value = value_of(name, definitions[reference.rpartition("/")[2]])
            case {"anyOf": [kind, {"type": "null"}]}:
                value = value_of(name, kind)
            case {"enum": values}:
                value = values[number % len(values)]
            case {"type": "string"}:
                value = f"{name}-{number}"[-schema.get("maxLength", 100) :]
            case {"type": "integer"}:
                value = number
            case {"type": "boolean"}:
                value = flags
            case {"type": "array"}:
                value = [value_of(name, schema["items"]) for _ in range(2)]
            case {"type": "object", "properties": fields}:
                value = {field: value_of(field, each) for field, each in fields.items()}
            case _:
                raise AssertionError(f"{name}: this test makes no value for {schema}")
        return value

    document: dict[str, Any] = value_of("", schema)
    return document


def parts(value: Any, path: str = "") -> dict[str, Any]:
    """Every text, number and truth value of a JSON document by its place."""
    if isinstance(value, dict):
        value = list(value.items())
    elif isinstance(value, list):
        value = list(enumerate(value))
    else:
        return {path: value}
    return {place: part for name, each in value for place, part in parts(each, f"{path}/{name}").items()}


SENT, PATCH = whole(NewOrder), whole(OrderContent, flags=False)
STORED = Order.model_validate(whole(Order) | {"status": "placed"})


@dataclass(frozen=True)
class Hops:
    """One order as each hop has it, in the order of the hops: first placed, then changed in all that can change."""

    placed: dict[str, dict[str, Any]]
    listed: dict[str, Any]
    changed: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def hops(built: ServiceHarness) -> Hops:
    assert NewOrder.model_fields.keys() <= Order.model_fields.keys(), "Order drops a field of NewOrder: see below"
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
    assert field in Order.model_fields, f"Order drops {field}"


@pytest.mark.parametrize("place", parts(SENT))
def test_what_a_client_sends_arrives_everywhere(hops: Hops, place: str) -> None:
    for hop, document in hops.placed.items():
        assert parts(document).get(place) == parts(SENT)[place], f"{hop} drops {place}"


@pytest.mark.parametrize("field", sorted(SUMMARY & NewOrder.model_fields.keys()))
def test_what_a_list_shows_of_it_is_what_was_sent(hops: Hops, field: str) -> None:
    assert hops.listed.get(field) == SENT[field], f"the list drops {field}"


@pytest.mark.parametrize("place", parts(PATCH))
def test_what_a_client_changes_is_changed_everywhere(hops: Hops, place: str) -> None:
    for hop, document in hops.changed.items():
        assert parts(document).get(place) == parts(PATCH)[place], f"{hop} drops {place}"


@pytest.mark.parametrize("field", OrderContent.model_fields)
def test_a_field_that_a_client_may_change_says_until_when(field: str) -> None:
    assert field in CHANGE_RULES, f"CHANGE_RULES has no rule for {field}"


@pytest.mark.parametrize(
    ("model", "field"), [(model, field) for model in (NewOrder, LineItem, Address) for field in model.model_fields]
)
def test_a_field_that_may_be_left_out_is_none_then(model: Any, field: str) -> None:
    """Any other default would change the fingerprints of orders that were placed before the field was declared."""
    declared = model.model_fields[field]
    assert declared.is_required() or declared.default is None, f"{field} has a default that is not None"


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


@pytest.mark.parametrize("field", sorted(Order.model_fields.keys() - INTERNAL))
def test_every_field_that_is_shown_is_described(field: str) -> None:
    described = openapi_schemas.schemas()
    assert field in described["Order"]["properties"], f"OpenAPI drops {field}"
    assert (field in described["Summary"]["properties"]) == (field in SUMMARY)
    assert field in event_schemas.schemas()["order.changed"]["properties"]["data"]["properties"]


def test_a_change_changes_every_value() -> None:
    """Otherwise a change that is dropped would look like one that was made."""
    assert [place for place, value in parts(PATCH).items() if parts(SENT)[place] == value] == []
