"""The OpenAPI document: valid, complete, and consistent with the code."""

import copy
import json
import re
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from chalicelib.adapters.order_items import CUSTOMER_ID, ITEM_COUNT, ORDER_ID, PLACED_KEY, PROJECTED
from chalicelib.domain.errors import InvalidOrder
from chalicelib.domain.orders import SUMMARY, NewOrder, parse
from chalicelib.http import problem_document
from chalicelib.http.auth.key_set import ALGORITHMS
from ordersctl.contract.openapi import document as openapi
from ordersctl.contract.openapi import problem_types
from ordersctl.contract.openapi.operations import OPERATIONS
from ordersctl.contract.openapi.problems import PROBLEMS
from ordersctl.contract.openapi.schemas import NEW_ORDER
from ordersctl.shared.project import PROJECT_DIR

Routes = openapi.Routes


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    validate(document)
    assert document["openapi"].startswith("3.1.")


def test_the_document_names_no_address_that_is_nobodys(document: dict[str, Any]) -> None:
    assert "example.com" not in json.dumps(document["info"])  # the reference page would make a link of it


def test_the_served_document_is_generated_from_the_code(routes: Routes) -> None:
    assert openapi.DOCUMENT.read_text() == openapi.rendered(routes), "run `make openapi`"
    assert problem_types.PAGE.read_text() == problem_types.page(), "run `make openapi`"


def test_a_route_without_a_description_is_refused(routes: Routes) -> None:
    one_more = {**routes, "/refunds": {"GET": copy.copy(routes["/health"]["GET"])}}
    one_more["/refunds"]["GET"].view_name = "list_refunds"
    with pytest.raises(ValueError, match="list_refunds"):
        openapi.document(one_more)


def test_a_description_without_a_route_is_refused(routes: Routes) -> None:
    one_less = {path: methods for path, methods in routes.items() if path != "/health"}
    with pytest.raises(ValueError, match="health"):
        openapi.document(one_less)


def test_operations_need_a_token_exactly_where_routes_have_an_authorizer(routes: Routes) -> None:
    entries = [entry for methods in routes.values() for entry in methods.values()]
    assert {entry.view_name for entry in entries if entry.authorizer} == {
        name for name, operation in OPERATIONS.items() if operation.scope
    }


def test_the_security_scheme_names_the_algorithms_that_are_taken(document: dict[str, Any]) -> None:
    described = document["components"]["securitySchemes"]["bearerAuth"]["description"]
    assert set(re.findall(r"[A-Z]{2}[0-9]{3}", described)) == set(chain(*ALGORITHMS.values()))


def test_request_bodies_have_the_media_types_that_their_routes_accept(routes: Routes) -> None:
    entries = [entry for methods in routes.values() for entry in methods.values()]
    taken = {entry.view_name: set(entry.content_types) - {"*/*"} for entry in entries}
    assert taken == {name: set(operation.body or ()) for name, operation in OPERATIONS.items()}


def test_every_example_fits_its_schema(document: dict[str, Any]) -> None:
    seen = 0
    for schema, example in examples(document):
        fits(document, schema, example)
        seen += 1
    assert seen > 60  # of 68 when this was written, so the search finds them


def test_every_field_parameter_and_header_has_a_description_and_an_example(document: dict[str, Any]) -> None:
    parts = document["components"]
    fields = {
        f"{name}.{field}": schema
        for name, each in parts["schemas"].items()
        for field, schema in each.get("properties", {}).items()
    }
    bare = [name for name, schema in fields.items() if not {"description", "examples"} <= schema.keys()]
    for name, each in [*parts["parameters"].items(), *parts["headers"].items()]:
        if "description" not in each or not ("example" in each or "examples" in each["schema"]):
            bare.append(name)
    assert len(fields) > 90  # of 108 when this was written, so the search finds them
    assert bare == []


def test_every_problem_of_an_operation_has_a_description_and_an_example(document: dict[str, Any]) -> None:
    for methods in document["paths"].values():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    problem = response["content"]["application/problem+json"]
                    types = list(dict.fromkeys(each["value"]["type"] for each in problem["examples"].values()))
                    assert types == problem["schema"]["properties"]["type"]["enum"]
                    slugs = [each.removeprefix(problem_document.type_uri("")) for each in types]
                    assert all(f"`{slug}`: {PROBLEMS[slug]}" in response["description"] for slug in slugs)


def test_every_problem_type_in_the_code_is_described_and_no_other() -> None:
    sources = [*(PROJECT_DIR / "chalicelib").rglob("*.py"), PROJECT_DIR / "ordersctl" / "local" / "api_gateway.py"]
    slug = re.compile(r'(?:Problem|errors\.\w+: )\(\s*"([a-z-]+)"')  # of a problem, or of an error that becomes one
    raised = {found for each in sources for found in slug.findall(each.read_text())}
    of_the_framework_and_the_gateway = {"method-not-allowed", "unsupported-media-type", "too-many-requests"}
    assert raised | of_the_framework_and_the_gateway == set(PROBLEMS)


def test_a_summary_has_the_fields_that_the_index_projects(document: dict[str, Any]) -> None:
    template = (PROJECT_DIR / "infra" / "resources.yaml").read_text()
    projected = re.search(r"NonKeyAttributes: \[(.*)\]", template)
    assert projected
    assert {*projected[1].split(", "), ORDER_ID, CUSTOMER_ID, PLACED_KEY} == PROJECTED
    assert set(document["components"]["schemas"]["Summary"]["properties"]) == SUMMARY | {ITEM_COUNT}


LINE = NEW_ORDER["items"][0]
ADDRESS = NEW_ORDER["shipping_address"]


CHANGED: list[dict[str, Any]] = [
    {},
    {"note": None},
    {"note": ""},
    {"note": "x" * 2_000},
    {"note": "x" * 2_001},
    {"note": "\u00e9" * 2_000},
    {"note": "two\nlines"},
    {"note": "\u0085"},
    {"note": 5},
    {"currency": "XXX"},
    {"currency": "gbp"},
    {"currency": None},
    {"items": []},
    {"items": None},
    {"items": [LINE] * 2_000},
    {"items": [LINE] * 2_001},
    {"items": [{**LINE, "quantity": 0}]},
    {"items": [{**LINE, "quantity": 1.0}]},
    {"items": [{**LINE, "quantity": 1.5}]},
    {"items": [{**LINE, "quantity": "1"}]},
    {"items": [{**LINE, "quantity": True}]},
    {"items": [{**LINE, "quantity": 1_000_000, "unit_price": 0}]},
    {"items": [{**LINE, "quantity": 1_000_001, "unit_price": 0}]},
    {"items": [{**LINE, "quantity": 1, "unit_price": 10**12}], "adjustments": []},
    {"items": [{**LINE, "quantity": 1, "unit_price": 10**12 + 1}]},
    {"items": [{**LINE, "unit_price": -1}]},
    {"items": [{**LINE, "sku": "x" * 65}]},
    {"items": [{**LINE, "name": None}]},
    {"items": [{**LINE, "discount": 1}]},
    {"items": [LINE, 5]},
    {"shipping_address": {**ADDRESS, "country": "UK"}},
    {"shipping_address": {**ADDRESS, "line2": None}},
    {"shipping_address": {**ADDRESS, "city": None}},
    {"shipping_address": {}},
    {"reference": "x" * 64},
    {"reference": "x" * 65},
    {"adjustments": [{"type": "discount", "amount": -1}, {"type": "tax", "amount": 0, "included": True}]},
    {"adjustments": [{"type": "discount", "amount": 0}]},
    {"adjustments": [{"type": "tip", "amount": -1}]},
    {"adjustments": [{"type": "tip", "amount": 1, "label": ""}] * 50},
    {"adjustments": [{"type": "tip", "amount": 1}] * 51},
    {"adjustments": [{"type": "rebate", "amount": 1}]},
    {"adjustments": [{"type": "fee", "amount": 1, "included": "yes"}]},
    {"contact": {"email": "", "phone": ""}},
    {"contact": {"email": "ann"}},
    {"contact": {"email": "ann@example.com"}},
    {"billing_address": {**ADDRESS, "company": "Lee Ltd", "phone": "1", "country": "XK"}},
    {"metadata": {}},
    {"metadata": {"a": "", "b": "c"}},
    {"metadata": {"": "c"}},
    {"metadata": {"a\nb": "c"}},
    {"metadata": {"a": 1}},
    {"metadata": {"a" * 41: "c"}},
    {"metadata": {str(number): "c" for number in range(51)}},
    {"ordered_at": "2025-12-24t18:30:00z"},
    {"ordered_at": ""},
    {"ordered_at": "2025-12-24"},
    {"status": "placed"},
    {"subtotal": 1},
    {"total": 1},
]


@pytest.mark.parametrize("changed", CHANGED, ids=lambda changed: json.dumps(changed)[:50])
def test_code_and_document_agree_on_the_fields_of_an_order(document: dict[str, Any], changed: dict[str, Any]) -> None:
    body = NEW_ORDER | changed
    assert takes(NewOrder, body) == is_valid(document, {"$ref": "#/components/schemas/NewOrder"}, body)


def takes(model: Any, body: Any) -> bool:
    try:
        parse(model, body)
    except InvalidOrder:
        return False
    return True


def is_valid(document: dict[str, Any], schema: dict[str, Any], value: Any) -> bool:
    return not list(validator(document, schema).iter_errors(value))


def fits(document: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    assert [error.message for error in validator(document, schema).iter_errors(value)] == [], (schema, value)


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Any:
    return OAS31Validator({**schema, "components": document["components"]})


def examples(node: Any) -> Any:
    """Every example in the document with its schema."""
    if isinstance(node, dict):
        if "schema" in node:
            yield from ((node["schema"], node["example"]) for _ in range("example" in node))
            yield from ((node["schema"], each["value"]) for each in node.get("examples", {}).values())
        elif isinstance(node.get("examples"), list):
            yield from ((node, each) for each in node["examples"])
        for each in node.values():
            yield from examples(each)
    elif isinstance(node, list):
        for each in node:
            yield from examples(each)


def test_the_command_says_which_files_it_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "write_text", lambda *_: 0)  # other tests read them meanwhile
    done = CliRunner().invoke(openapi.openapi, [])
    assert done.output.splitlines() == ["Written to chalicelib/http/openapi.json", "Written to docs/guide/problems.md"]
