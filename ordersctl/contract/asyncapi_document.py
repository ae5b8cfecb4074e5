"""The AsyncAPI document: the topic of events, and which messages are on it."""

from collections.abc import Mapping
from typing import Any

from chalicelib.domain import events
from ordersctl.contract.openapi.schemas import Schema

# Linters of AsyncAPI require all three: a shop puts its own address here.
CONTACT = {"name": "Orders", "url": "https://example.com/orders", "email": "orders@example.com"}


def document(files: Mapping[str, Schema]) -> dict[str, Any]:
    """The document of the events whose schemas are in these files (https://www.asyncapi.com/docs/reference/specification/v3.1.0)."""
    messages = {_name(schema): _message(file, schema) for file, schema in files.items()}
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "Order events",
            "version": str(events.SCHEMA_VERSION),
            "description": "What happened to orders, as CloudEvents 1.0 in structured JSON. How to subscribe, and what "
            "a consumer must do about repeats and order: docs/guide/events.md.",
            "contact": CONTACT,
            "license": {"name": "MIT"},
            "tags": [{"name": "Orders", "description": "What happened to orders."}],
        },
        "servers": {
            "sns": {
                "host": "sns.{region}.amazonaws.com",
                "protocol": "sns",
                "description": "Amazon SNS in the stage's region; the local run has its own at the engine's address.",
                "variables": {"region": {"description": "The stage's AWS region.", "examples": ["eu-west-1"]}},
            }
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {
            "orderEvents": {
                "address": "orders-{stage}-events",
                "description": "An SNS topic; orders-{stage}-events.fifo where the stage is FIFO. With EVENT_BUS_NAME "
                "set it is that EventBridge bus, and the event is the detail.",
                "parameters": {"stage": {"description": "The stage's name.", "examples": ["dev"]}},
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
            }
        },
        "operations": {
            "publishOrderEvents": {
                "action": "send",
                "channel": {"$ref": "#/channels/orderEvents"},
                "summary": "The service publishes what happened to an order.",
                "description": "At least once. In order per order on a FIFO topic only.",
            }
        },
        "components": {
            "messages": messages,
            "schemas": {"attributes": _attributes()},
            "correlationIds": {
                "correlationId": {
                    "description": "Of the request that placed the order.",
                    "location": "$message.payload#/correlationid",
                }
            },
        },
    }


def _name(schema: Schema) -> str:
    return "order" + str(schema["title"]).removeprefix("order.").capitalize()


def _message(file: str, schema: Schema) -> dict[str, Any]:
    return {
        "name": schema["title"],
        "title": schema["title"],
        "summary": schema["description"],
        "headers": {"$ref": "#/components/schemas/attributes"},
        "correlationId": {"$ref": "#/components/correlationIds/correlationId"},
        "payload": {"$ref": f"./{file}"},  # JSON Schema draft 07, which is AsyncAPI's own
    }


def _attributes() -> Schema:
    return {
        "type": "object",
        "description": "SNS message attributes, for filter policies. Every event has type and status, and a replayed "
        "one replayed. An order.erased has no others, an order.rejected no currency.",
        "properties": {
            "type": {"type": "string", "description": "The event's type.", "examples": ["order.placed"]},
            "status": {"type": "string", "description": "The order's status.", "examples": ["placed"]},
            "currency": {"type": "string", "description": "The order's currency.", "examples": ["GBP"]},
            "customer_id": {"type": "string", "description": "The order's customer.", "examples": ["17850"]},
            "total": {"type": "number", "description": "What the order costs, in minor units.", "examples": [4059]},
            "replayed": {"const": "true", "description": "On events that an operator replayed.", "examples": ["true"]},
        },
        "required": ["type", "status"],
    }
