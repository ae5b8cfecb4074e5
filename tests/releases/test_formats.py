"""Each earlier release stores every order that this one accepts at the first revision: as placed, never as rejected.

A field or value that an earlier release refuses needs a revision of its own: NEEDS in chalicelib/domain/commands.py.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.orders import NewOrder
from ordersctl.shared.project import PROJECT_DIR
from testkit.builders import ADDRESS, line, new_order
from tests.releases.side_by_side import TODAY, Release, Stage, stored_releases, stored_tree

CUSTOMERS = ["c", "x" * 64, "x" * 128, "auth0|0123", "ann@example.com", "eu-west-1:4f2e", ".", "..", "a/b"]
WHOLE = new_order(
    items=[line(), line(sku="b")], shipping_address=ADDRESS | {"line2": "l", "region": "r"}, note="n", reference="r"
)


def values(schema: dict[str, Any], definitions: dict[str, Any], base: Any) -> Iterator[Any]:
    """Values of a JSON Schema at its limits and beyond them; `base` is one that fits."""
    match schema:
        case {"$ref": reference}:
            yield from values(definitions[reference.rpartition("/")[2]], definitions, base)
        case {"anyOf": [kind, *_]}:
            yield None
            yield from values(kind, definitions, base)
        case {"enum": [first, *_, last]}:
            yield from (first, last)
        case {"type": "string"}:
            longest = schema.get("maxLength", 100)
            yield from ("x", "é" * longest, "x" * (longest + 1), "", "a\nb\tc", " a ", "\N{RIGHT-TO-LEFT OVERRIDE}")
        case {"type": "integer"}:
            yield from (schema.get("minimum", 0), schema.get("maximum", 0), schema.get("minimum", 0) - 1)
        case {"type": "array"}:
            first = base[0] if base else {}
            yield from ([value] for value in values(schema["items"], definitions, first))
            yield from ([], [first] * schema.get("maxItems", 2))
        case {"type": "object", "properties": fields}:
            base = base or {}
            for name, field in fields.items():
                yield {each: value for each, value in base.items() if each != name}
                yield from (base | {name: value} for value in values(field, definitions, base.get(name)))
        case _:
            yield from ({}, {"a": "b"}, True)


def documents() -> list[Any]:
    schema = NewOrder.model_json_schema()
    return [*values(schema, schema["$defs"], WHOLE), *values(schema, schema["$defs"], new_order())]


@pytest.fixture(scope="module", params=stored_releases())
def releases(
    request: pytest.FixtureRequest, engine_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Stage, Release, Release]]:
    """A stage with an earlier release and today's."""
    directory = tmp_path_factory.mktemp("formats")
    stage = Stage.create(engine_url, f"formats-{request.param.replace('.', '-')}", secret="a secret of the tests")
    tree = stored_tree(request.param, directory)
    with (
        stage.release(request.param, tree, directory / "earlier.log") as earlier,
        stage.release(TODAY, PROJECT_DIR, directory / "today.log") as today,
    ):
        yield stage, earlier, today


def test_an_earlier_release_stores_what_this_one_accepts(releases: tuple[Stage, Release, Release]) -> None:
    stage, earlier, today = releases
    sent = [("c", document) for document in documents()] + [(customer, new_order()) for customer in CUSTOMERS]
    accepted = 0
    for customer, document in sent:
        answer = today.api(subject=customer).post("/orders", document)
        if answer.status != 202:
            continue
        accepted += 1
        (body,) = stage.take("queue")
        stage.send(body)
        kept = stage.process(earlier)
        item = stage.item(answer.json["order_id"])
        if json.loads(body).get("revision", 1) == 1:
            assert (kept, item and item["status"]["S"]) == (0, "placed"), f"needs a revision: {customer} {document}"
        else:
            assert item is None, f"stored by a release that cannot know it: {document}"
            stage.take("queue")
    assert accepted > 40
