"""`ordersctl event-schemas`: the contract with consumers, generated from the models: JSON Schemas and AsyncAPI."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from chalicelib.domain import events
from chalicelib.domain.events import OrderEvent
from chalicelib.domain.iso_codes import COUNTRIES
from chalicelib.domain.orders import CHANGE_RULES, TRANSITIONS, ErasedOrder, Order, OrderStatus
from ordersctl.contract import asyncapi_document
from ordersctl.contract.compatibility import breaks
from ordersctl.contract.openapi import schemas as openapi_schemas
from ordersctl.contract.openapi.descriptions import described
from ordersctl.contract.openapi.schemas import NEW_ORDER, ORDER, ORDER_ID, TIME, Schema
from ordersctl.shared import project
from ordersctl.shared.output import echo, wrote

FOLDER = project.PROJECT_DIR / "docs" / "contract" / "events"
PUBLISHED = FOLDER / "published"
_NULL = {"type": "null"}
_CONTENT = ["currency", "items"]  # properties that every order except a rejected one has had since the first release
_CHANGEABLE = [each.value for each in OrderStatus if any(each in statuses for _, statuses in CHANGE_RULES.values())]
_REJECTED = "An accepted order was found invalid (violations say why), or an operator gave it up (status_reason)."

# type -> its description, the order's possible statuses after it, and the properties that only its data always has
_EVENTS: Mapping[str, tuple[str, list[str], list[str]]] = {
    "order.placed": ("An order was stored.", ["placed"], _CONTENT),
    "order.rejected": (_REJECTED, ["rejected"], []),
    "order.changed": ("The order's content changed, its status did not.", _CHANGEABLE, _CONTENT),
    **{
        f"order.{status}": (f"The order's status became {status}.", [status], _CONTENT)
        for status in ("confirmed", "shipped", "delivered", "cancelled")
    },
}
_PREVIOUS_STATUS = "May be absent from an event that was replayed, and from one of an imported order."
_ERASED = "An order's personal data was erased; consumers erase their copies too."


def schemas() -> dict[str, Schema]:
    """The schema of each event by its type, with examples that the service's own code makes."""
    examples = {event.type: event for event in sample_events()}
    shown = openapi_schemas.schemas()
    order = _for_consumers(shown["Order"], shown)
    found = {
        event_type: _envelope(event_type, what, _order_data(order, statuses, required), examples[event_type])
        for event_type, (what, statuses, required) in _EVENTS.items()
    }
    data: Schema = {
        "type": "object",
        "properties": {"order_id": ORDER_ID, "status": {"const": "erased"}},
        "required": ["order_id", "status"],
    }
    data = described({"Erased": data})["Erased"]
    return found | {"order.erased": _envelope("order.erased", _ERASED, data, examples["order.erased"])}


def _envelope(event_type: str, what: str, data: Schema, example: OrderEvent) -> Schema:
    model = _for_consumers(OrderEvent.model_json_schema(mode="serialization"), {})
    name = _schema_name(event_type)
    properties: Schema = model["properties"] | {
        "id": {"type": "string", "pattern": ORDER_ID["pattern"][:-1] + r"\.[1-9][0-9]*$"},
        "source": {"type": "string", "pattern": "^urn:orders:[a-z][a-z0-9-]*$"},
        "type": {"const": event_type},
        "subject": ORDER_ID,
        "time": TIME,
        "dataschema": {"const": name},
        "sequence": {"type": "string", "pattern": "^[1-9][0-9]*$"},
        "dataref": {"type": "string", "format": "uri-reference"},
        "data": {"$id": name, **data},
    }
    properties = described({"Event": {"properties": properties}})["Event"]["properties"]
    thin = [] if event_type == "order.erased" else [example.thin()]
    always = [name for name, field in OrderEvent.model_fields.items() if field.default is not None]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": f"{name}:event",
        "title": event_type,
        "description": what,
        "type": "object",
        "properties": properties,
        "required": always + ([] if thin else ["data"]),
        **({"anyOf": [{"required": ["data"]}, {"required": ["dataref"]}]} if thin else {}),
        "examples": [json.loads(each.to_json()) for each in [example, *thin]],
    }


def _order_data(order: Schema, statuses: list[str], required: list[str]) -> Schema:
    """The schema of an order as the API shows it, narrowed to these statuses."""
    before = [str(each) for each, nexts in TRANSITIONS.items() if nexts & set(statuses)]
    said = {name: {"description": each["description"]} for name, each in order["properties"].items()}
    narrowed = {"status": {"enum": statuses} | said["status"], "customer_id": {"type": "string"} | said["customer_id"]}
    properties = order["properties"] | narrowed
    if before:
        known = before if len(statuses) == 1 else statuses
        properties["previous_status"] = {"enum": known, "description": _PREVIOUS_STATUS}
    return {"type": "object", "properties": properties, "required": sorted({*order["required"], *required})}


def _for_consumers(schema: Any, definitions: Mapping[str, Schema]) -> Any:
    """A schema for consumers: in one document, without null, and open to fields that are added later."""
    if isinstance(schema, list):
        return [_for_consumers(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    said = {"description": schema["description"]} if "description" in schema else {}
    if "$ref" in schema:
        return _for_consumers(definitions[schema["$ref"].rpartition("/")[2]], definitions) | said
    kept = [kind for kind in schema.get("anyOf", []) if kind != _NULL]
    if len(kept) == 1:
        return _for_consumers(kept[0], definitions) | said
    if (value := _value_for_consumers(schema)) is not None:
        return value | said
    left_out = {"additionalProperties", "examples", "default", "title"}
    return {
        name: {key: _for_consumers(each, definitions) for key, each in value.items()}
        if name == "properties"
        else _for_consumers(value, definitions)
        for name, value in schema.items()
        if name not in left_out
    }


def _value_for_consumers(schema: Schema) -> Schema | None:
    """What an event promises of a text or of metadata: not the API's rules for them, which may change."""
    if schema.get("enum") == sorted(COUNTRIES):  # a new country breaks no promise
        return {"type": "string", "pattern": "^[A-Z]{2}$"}
    if "maxLength" in schema:
        return {"type": "string"}
    if "patternProperties" in schema:
        return {"type": "object", "additionalProperties": {"type": "string"}}
    return None


def sample_events() -> list[OrderEvent]:
    placing = {
        "order_id": ORDER["order_id"],
        "customer_id": ORDER["customer_id"],
        "placed_at": ORDER["placed_at"],
        "correlation_id": "0f8fad5b-d9cb-469f-a165-70867728950e",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    }
    placed = Order.place(NEW_ORDER, **placing)
    rejected = Order.place(NEW_ORDER | {"currency": "XXX"}, **placing)

    def later(order: Order, **changes: Any) -> Order:
        return order.model_copy(
            update={"version": order.version + 1, "updated_at": "2026-01-31T12:30:00.000Z"} | changes
        )

    confirmed = later(placed, status=OrderStatus.CONFIRMED)
    shipped = later(confirmed, status=OrderStatus.SHIPPED)
    changes: list[tuple[Order | None, Order | ErasedOrder]] = [
        (None, placed),
        (None, rejected),
        (placed, later(placed, note="Leave it with a neighbour")),
        (placed, confirmed),
        (confirmed, shipped),
        (shipped, later(shipped, status=OrderStatus.DELIVERED)),
        (placed, later(placed, status=OrderStatus.CANCELLED, status_reason="ordered twice")),
        (placed, placed.erase("2026-01-31T12:30:00.000Z")),
    ]
    made = (events.between(before, after, source="urn:orders:dev") for before, after in changes)
    return [event for event in made if event is not None]


def _schema_name(event_type: str) -> str:
    return f"urn:orders:events:{event_type}:v{events.SCHEMA_VERSION}"


def _file_name(event_type: str) -> str:
    return f"{event_type}.v{events.SCHEMA_VERSION}.schema.json"


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI document of all events."""
    return asyncapi_document.document({_file_name(event_type): schema for event_type, schema in schemas().items()})


def files() -> dict[Path, str]:
    """Every generated file and its text."""
    found = {
        FOLDER / _file_name(event_type): json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for event_type, schema in schemas().items()
    }
    return found | {FOLDER / "asyncapi.yaml": yaml.safe_dump(asyncapi(), sort_keys=False, width=110)}


def broken_promises() -> list[str]:
    """Changes that break a consumer of the published schemas."""
    wrong: list[str] = []
    made = schemas()
    for path in sorted(PUBLISHED.glob("*.json")):
        published = json.loads(path.read_text())
        current = made.get(published["title"])
        if current is None:
            wrong.append(f"{published['title']}: no such event any more")
        elif current["$id"] == published["$id"]:  # another version may be incompatible
            wrong += [f"{published['title']}: {each}" for each in breaks(published, current)]
    return wrong


@click.command("event-schemas")
@click.option("--check", is_flag=True, help="Write nothing; fail if a file is out of date.")
@click.option("--publish", is_flag=True, help="Keep the schemas as they are now as published: for a release.")
def event_schemas(*, check: bool, publish: bool) -> None:
    """Write docs/contract/events: a JSON Schema per event type, and the AsyncAPI document.

    Fails when a change breaks a consumer of a published schema: such a change needs a new SCHEMA_VERSION.
    """
    if wrong := broken_promises():
        raise click.ClickException("\n  ".join(["this breaks consumers of the published schemas:", *wrong]))
    made = files()
    stale = [path for path, text in made.items() if not path.exists() or path.read_text() != text]
    if check and stale:
        names = ", ".join(path.name for path in stale)
        raise click.ClickException(f"out of date: {names}. Run: .venv/bin/ordersctl event-schemas")
    written = {path: made[path] for path in stale}
    if publish:
        written |= {PUBLISHED / path.name: text for path, text in made.items() if path.suffix == ".json"}
    for path, text in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        wrote(path.relative_to(project.PROJECT_DIR))
    if not (written or check):
        echo("Nothing to write: the files are as the code says.")
