"""The contract with consumers: schemas come from the models, each event is valid, and no published schema is broken."""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from cloudevents.core.bindings.http import HTTPMessage, from_structured_event
from hypothesis import given, settings
from jsonschema import Draft7Validator, FormatChecker

from chalicelib.adapters.event_topic import message_attributes
from chalicelib.domain import events
from chalicelib.domain.events import OrderEvent
from chalicelib.domain.orders import CHANGE_RULES, TRANSITIONS, ErasedOrder, NewOrder, Order, OrderStatus
from ordersctl.contract import event_schemas
from ordersctl.contract.compatibility import breaks
from testkit.builders import LATER
from tests.unit.strategies import new_orders, rejected_orders, stored_orders

SCHEMAS = event_schemas.schemas()
FILES = [path for path in event_schemas.FOLDER.iterdir() if path.is_file()]
PLACED = SCHEMAS["order.placed"]
Change = Callable[[dict[str, Any]], object]


def check(event: OrderEvent) -> None:
    """Fail unless an event is valid by its schema and a CloudEvent to the SDK."""
    text = event.to_json()
    Draft7Validator(SCHEMAS[event.type], format_checker=FormatChecker()).validate(json.loads(text))
    message = HTTPMessage({"content-type": "application/cloudevents+json"}, text.encode())
    read = from_structured_event(message)
    assert (read.get_id(), read.get_type(), read.get_subject()) == (event.id, event.type, event.subject)
    assert read.get_data() == event.data


@pytest.fixture(scope="module")
def generated() -> dict[Path, str]:
    return event_schemas.files()


@pytest.mark.parametrize("path", sorted(FILES), ids=lambda path: path.name)
def test_the_schema_files_match_the_models(path: Path, generated: dict[Path, str]) -> None:
    assert path.read_text() == generated[path], "run: .venv/bin/ordersctl event-schemas"


def test_the_check_command_finds_no_difference() -> None:
    assert CliRunner().invoke(event_schemas.event_schemas, ["--check"]).exit_code == 0


def test_the_command_says_which_files_it_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Nothing to write" in CliRunner().invoke(event_schemas.event_schemas, []).output
    monkeypatch.setattr(Path, "write_text", lambda *_: 0)  # other tests read them meanwhile
    published = CliRunner().invoke(event_schemas.event_schemas, ["--publish"]).output
    assert "Written to docs/contract/events/published/order.placed.v1.schema.json" in published.splitlines()


def test_every_schema_is_valid_and_so_are_its_examples() -> None:
    for schema in SCHEMAS.values():
        Draft7Validator.check_schema(schema)
        for example in schema["examples"]:
            Draft7Validator(schema, format_checker=FormatChecker()).validate(example)


def test_every_field_of_every_event_has_a_description() -> None:
    def bare(schema: dict[str, Any], at: str) -> Iterator[str]:
        for name, each in schema.get("properties", {}).items():
            if "description" not in each:
                yield f"{at}/{name}"
            yield from bare(each.get("items", each), f"{at}/{name}")

    assert [field for name, schema in SCHEMAS.items() for field in bare(schema, name)] == []


def possible_events(order: Order, another: NewOrder) -> Iterator[OrderEvent | None]:
    """Every event that may follow from an order's state, here or by an import; `another` has the changed content."""

    def event(before: Order | None, after: Order | ErasedOrder) -> OrderEvent | None:
        return events.between(before, after, source="urn:orders:test")

    yield event(None, order)
    later = {"version": order.version + 1, "updated_at": LATER, "status_reason": None}
    for name, (_, statuses) in CHANGE_RULES.items():
        if order.status in statuses:
            yield event(order, order.model_copy(update=later | {name: getattr(another, name)}))
    for status in TRANSITIONS.keys() - {order.status, OrderStatus.REJECTED}:  # an import's are of any kind
        yield event(order, order.model_copy(update=later | {"status": status, "status_reason": "because"}))
    yield event(order, order.erase(LATER))


@settings(max_examples=100)
@given(order=stored_orders(), another=new_orders())
def test_every_event_of_an_order_is_valid_thin_or_not(order: Order, another: NewOrder) -> None:
    for event in possible_events(order, another):
        assert event is not None
        check(event)
        check(event.model_copy(update={"replayed": True}))
        if event.type != "order.erased":
            check(event.thin())


@settings(max_examples=20)
@given(order=rejected_orders())
def test_the_event_of_a_rejected_order_is_valid(order: Order) -> None:
    event = events.between(None, order, source="urn:orders:test")
    assert event is not None
    check(event)


def test_an_event_without_data_is_invalid() -> None:
    for schema in SCHEMAS.values():
        example = {name: value for name, value in schema["examples"][0].items() if name != "data"}
        assert not Draft7Validator(schema).is_valid(example)


# --- compatibility ---------------------------------------------------------------------------------------------------


def test_every_event_has_a_published_schema_and_none_is_broken() -> None:
    promised = {json.loads(path.read_text())["title"] for path in event_schemas.PUBLISHED.glob("*.json")}
    assert promised == SCHEMAS.keys()
    assert event_schemas.broken_promises() == []


def changed(change: Change) -> list[str]:
    """The breaking differences that a change of the schema makes."""
    schema = copy.deepcopy(PLACED)
    change(schema)
    return breaks(PLACED, schema)


def data(schema: dict[str, Any]) -> Any:
    return schema["properties"]["data"]["properties"]


BREAKING: dict[str, Change] = {
    "/data/total is gone": lambda s: data(s).pop("total"),
    "/data/customer_id is gone": lambda s: data(s).update(customer=data(s).pop("customer_id")),
    "/data/total: type integer became string": lambda s: data(s)["total"].update(type="string"),
    "/data/total may be missing": lambda s: s["properties"]["data"]["required"].remove("total"),
    "/sequence may be missing": lambda s: s["required"].remove("sequence"),
    "/data/status may be on hold": lambda s: data(s)["status"].update(enum=["placed", "on hold"]),
    "/data/status may be anything": lambda s: data(s).update(status={"type": "string"}),
    "/type may be order.made": lambda s: s["properties"]["type"].update(const="order.made"),
    "/data/total: maximum 1000000000000 became None": lambda s: data(s)["total"].pop("maximum"),
    "/data/version: minimum 1 became 0": lambda s: data(s)["version"].update(minimum=0),
    "/data/items/*/quantity: maximum 1000000 became 1000001": lambda s: data(s)["items"]["items"]["properties"][
        "quantity"
    ].update(maximum=1_000_001),
    "/data/items/*/sku is gone": lambda s: data(s)["items"]["items"]["properties"].pop("sku"),
    "/data/shipping_address/city may be missing": lambda s: data(s)["shipping_address"]["required"].remove("city"),
    "/id: pattern": lambda s: s["properties"]["id"].update(pattern=".*"),
    "/time: format date-time became None": lambda s: s["properties"]["time"].pop("format"),
    "/: anyOf": lambda s: s.pop("anyOf"),
}
HARMLESS: dict[str, Change] = {
    "a new field": lambda s: data(s).update(gift={"type": "boolean"}),
    "a new field that is always there": lambda s: (
        data(s).update(channel={"type": "string"}),
        s["properties"]["data"]["required"].append("channel"),
    ),
    "an optional field is always there": lambda s: s["properties"]["data"]["required"].append("reference"),
    "a lower maximum": lambda s: data(s)["total"].update(maximum=10),
    "a higher minimum": lambda s: data(s)["version"].update(minimum=2),
    "other words": lambda s: s.update(description="other words", examples=[]),
    "one of the values is no longer used": lambda s: data(s)["status"].update(enum=["placed"]),
}


@pytest.mark.parametrize("change", BREAKING)
def test_a_breaking_change_is_reported_with_its_place(change: str) -> None:
    (wrong,) = changed(BREAKING[change])
    assert wrong.startswith(change)


@pytest.mark.parametrize("what", HARMLESS)
def test_a_compatible_change_is_not_reported(what: str) -> None:
    assert changed(HARMLESS[what]) == []


# --- AsyncAPI --------------------------------------------------------------------------------------------------------


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from references(each)


def test_every_reference_of_the_asyncapi_document_resolves() -> None:
    document = yaml.safe_load((event_schemas.FOLDER / "asyncapi.yaml").read_text())
    found = list(references(document))
    assert len(found) >= 3 * len(SCHEMAS)
    for reference in found:
        if reference.startswith("./"):
            assert (event_schemas.FOLDER / reference).is_file()
            continue
        place = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_the_asyncapi_document_has_every_message_attribute() -> None:
    described = event_schemas.asyncapi()["components"]["schemas"]["attributes"]
    for event in event_schemas.sample_events():
        attributes = message_attributes(event.model_copy(update={"replayed": True}))
        assert set(described["required"]) <= attributes.keys() <= described["properties"].keys()


def test_the_asyncapi_document_says_which_events_have_few_message_attributes() -> None:
    described = event_schemas.asyncapi()["components"]["schemas"]["attributes"]
    every, optional = set(described["required"]), set(described["properties"]) - set(described["required"])
    assert "An order.erased has no others, an order.rejected no currency." in described["description"]
    for event in event_schemas.sample_events():
        missing = {"order.erased": optional - {"replayed"}, "order.rejected": {"currency"}}.get(event.type, set())
        for replayed in (True, None):
            attributes = message_attributes(event.model_copy(update={"replayed": replayed})).keys()
            assert attributes == every | (optional - missing if replayed else optional - missing - {"replayed"})
