"""The API reference of the documentation site, from the OpenAPI document."""

import re
from collections.abc import Iterator
from typing import Any

from ordersctl.contract.reference.markdown import REQUIRED, Json, code, fields, kind, table

_PROBLEM = re.compile(r"^`([a-z-]+)`: ", re.MULTILINE)
METHODS = ("get", "post", "patch", "put", "delete")


def page(document: Json) -> str:
    """Return the page: every operation with its parameters, body and responses, then every schema."""
    return "\n".join(_parts(document))


def _parts(document: Json) -> Iterator[str]:
    yield "# API reference\n"
    yield f"{document['info']['description']}\n"
    yield (
        "This page is made from the [OpenAPI 3.1 document](openapi.json), which the service answers at "
        "`/openapi.json`. [The HTTP API](../guide/api.md) has a request to paste for each operation.\n"
    )
    yield "## Operations\n"
    for path, operations in document["paths"].items():
        shared = operations.get("parameters", [])
        for method in METHODS:
            if method in operations:
                yield from _operation(document, method, path, operations[method], shared)
    yield "## Schemas\n"
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield f"### {name}\n"
        yield f"{schema.get('description', '')}\n"
        yield fields(schema) or f"{kind(schema)}\n"


def _operation(document: Json, method: str, path: str, operation: Json, shared: list[Json]) -> Iterator[str]:
    yield f"### {operation['summary']}\n"
    yield f"```http\n{method.upper()} {path}\n```\n"
    yield f"{operation.get('description', '')}\n"
    if not operation.get("security"):
        yield "No token is needed.\n"
    yield table(
        ("parameter", "type", "meaning"),
        (_parameter(_resolved(document, each)) for each in [*shared, *operation.get("parameters", [])]),
    )
    if "requestBody" in operation:
        body = _resolved(document, operation["requestBody"])
        yield from _bodies("Body", body["content"])
    yield table(
        ("response", "meaning", "headers"),
        (
            (status, _in_a_cell(answer["description"]), ", ".join(f"`{name}`" for name in answer.get("headers", {})))
            for status, answer in _responses(document, operation)
        ),
    )
    for status, answer in _responses(document, operation):
        if status.startswith("2"):
            yield from _bodies(f"Response {status}", answer.get("content", {}))


def _responses(document: Json, operation: Json) -> list[tuple[str, Json]]:
    return [(status, _resolved(document, answer)) for status, answer in operation["responses"].items()]


def _parameter(parameter: Json) -> tuple[str, ...]:
    schema = parameter.get("schema", {})
    required = REQUIRED if parameter.get("required") else ""
    where = f"{kind(schema)}, in the {parameter['in']}{required}"
    return (f"`{parameter['name']}`", where, parameter.get("description", ""))


def _bodies(title: str, content: Json) -> Iterator[str]:
    for media_type, body in content.items():
        named = f": {kind(body['schema'])}" if "$ref" in body.get("schema", {}) else ""
        yield f"**{title}**, `{media_type}`{named}\n"
        for example in _examples(body):
            yield code(example)


def _examples(body: Json) -> list[Any]:
    if "example" in body:
        return [body["example"]]
    return [each["value"] for each in body.get("examples", {}).values() if "value" in each]


def _in_a_cell(text: str) -> str:
    """Return the meaning of a response in one line, with a link for each type of problem that it names."""
    linked = _PROBLEM.sub(r"[`\1`](../guide/problems.md#\1): ", text)
    return linked.replace("\n\n", "<br>")


def _resolved(document: Json, value: Json) -> Json:
    """Return what a reference into the document names; any other value as it is."""
    while "$ref" in value:
        found: Any = document
        for name in value["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        value = found
    return value
