"""JSON Schemas as tables of Markdown: the part that the reference pages of the API and of the events share."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

REQUIRED = "; required"
MOST_VALUES = 12  # of an enumeration that a cell lists

Json = Mapping[str, Any]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of Markdown; an empty text when there are no rows."""
    lines = [_row(cells) for cells in rows]
    return "\n".join([_row(head), _row(["---"] * len(head)), *lines, ""]) if lines else ""


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def code(value: Any) -> str:
    """Return a block of JSON."""
    return f"```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```\n"


def fields(schema: Json) -> str:
    """Return a table of an object's fields: name, type and limits, meaning."""
    required = set(schema.get("required", ()))
    return table(
        ("field", "type", "meaning"),
        (
            (f"`{name}`", kind(each) + (REQUIRED if name in required else ""), each.get("description", ""))
            for name, each in schema.get("properties", {}).items()
        ),
    )


def kind(schema: Json) -> str:
    """Return a value's type and limits in a few words; a schema of the API's document as a link to its section."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "const" in schema or "enum" in schema:
        return _one_of(schema.get("enum") or [schema["const"]])
    alternatives = [each for each in schema.get("anyOf", schema.get("oneOf", ())) if each.get("type") != "null"]
    if alternatives and "properties" not in schema:
        return " or ".join(dict.fromkeys(kind(each) for each in alternatives))
    if schema.get("type") == "array":
        return f"list of {kind(schema.get('items', {}))}{_limits(schema, 'minItems', 'maxItems')}"
    if schema.get("properties"):
        return "object with " + ", ".join(f"`{name}`" for name in schema["properties"])
    return _simple(schema)


def _simple(schema: Json) -> str:
    named = schema.get("type", "any")
    types = [named] if isinstance(named, str) else [each for each in named if each != "null"]
    limits = _limits(schema, "minLength", "maxLength", " characters") or _limits(schema, "minimum", "maximum")
    return " or ".join(types) + limits


def _one_of(values: Sequence[Any]) -> str:
    shown = ", ".join(f"`{value}`" for value in values[:MOST_VALUES] if value is not None)
    return f"{shown}, … ({len(values)} values)" if len(values) > MOST_VALUES else shown


def _limits(schema: Json, lowest: str, highest: str, unit: str = "") -> str:
    low, high = schema.get(lowest), schema.get(highest)
    if low is None and high is None:
        return ""
    if high is None:
        return f", at least {low:,}{unit}"
    return f", at most {high:,}{unit}" if low is None else f", {low:,} to {high:,}{unit}"
