"""The event catalogue of the documentation site, from the JSON Schemas of the events."""

from collections.abc import Iterator, Sequence

from ordersctl.contract.reference.markdown import Json, code, fields, table


def page(schemas: Sequence[tuple[str, Json]]) -> str:
    """Return the page, from each schema and the name of its file."""
    return "\n".join(_parts(schemas))


def _parts(schemas: Sequence[tuple[str, Json]]) -> Iterator[str]:
    yield "# Event catalogue\n"
    yield (
        "Every event is a CloudEvent 1.0. This page is made from the JSON Schemas of the types; all of them together "
        "are an [AsyncAPI 3 document](../contract/events/asyncapi.yaml). [Events](../guide/events.md) says how to "
        "subscribe, and what a consumer must expect.\n"
    )
    yield table(
        ("type", "published when", "schema"),
        (
            (
                f"[`{schema['title']}`](#{_anchor(schema)})",
                schema["description"],
                f"[JSON Schema](../contract/events/{name})",
            )
            for name, schema in schemas
        ),
    )
    for name, schema in schemas:
        yield f"## {schema['title']} {{ #{_anchor(schema)} }}\n"
        yield f"{schema['description']} [JSON Schema](../contract/events/{name})\n"
        yield "Fields of `data`:\n"
        yield fields(schema["properties"]["data"])
        for example in schema.get("examples", [])[:1]:
            yield f'??? example "A whole {schema["title"]}"\n'
            yield _indented(code(example))


def _anchor(schema: Json) -> str:
    anchor: str = schema["title"].replace(".", "-")
    return anchor


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" if line else "\n" for line in text.splitlines())
