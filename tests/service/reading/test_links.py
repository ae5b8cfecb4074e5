"""The links of the OpenAPI document lead where they say: evaluated on real requests and responses, and followed."""

import json
import uuid
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest

from chalicelib.domain.orders import OrderStatus
from testkit.api_client import Answer, ApiClient
from testkit.builders import an_order, fresh_order_id, new_order
from tests.service.harness import ServiceHarness

SERVICE = {"subject": "shop", "scope": "orders/service"}
ORDERS = 7


@pytest.fixture(scope="module")
def document(built: ServiceHarness) -> dict[str, Any]:
    served: dict[str, Any] = built.api().get("/openapi.json").json
    return served


@pytest.fixture(scope="module")
def customer(built: ServiceHarness) -> str:
    """A customer with some orders of one status and one reference, a minute apart."""
    customer_id = f"c-{uuid.uuid4().hex}"
    for number in range(ORDERS):
        built.put(
            an_order(
                order_id=fresh_order_id(customer_id),
                customer_id=customer_id,
                status=OrderStatus.CONFIRMED,
                placed_at=f"2026-01-31T12:{number:02d}:00.000Z",
                new={"reference": "a&b", "items": new_order()["items"]},
            )
        )
    return customer_id


FILTERS = {
    "status": "confirmed",
    "reference": "a&b",
    "placed_after": "2026-01-31T11:00:00.5+00:00",
    "placed_before": "2026-01-31T13:00:00Z",
}


@pytest.mark.parametrize("query", [{}, *({name: value} for name, value in FILTERS.items()), FILTERS], ids=str)
def test_the_link_to_the_next_page_leads_through_the_whole_list(
    harness: ServiceHarness, document: dict[str, Any], customer: str, query: dict[str, str]
) -> None:
    api = harness.api(subject=customer)
    path = f"/customers/{customer}/orders?{urlencode({**query, 'limit': '3'})}"
    found: list[str] = []
    while True:
        page = api.get(path)
        assert page.status == 200, (path, page.body)
        found += [each["order_id"] for each in page.json["orders"]]
        if page.json["next_cursor"] is None:
            break
        path = target(document, "list_orders", "next", path, page)
        assert query_of(path) == query_of(page.headers["Link"].partition(">")[0])  # the header says the same
    assert len(found) == len(set(found)) == ORDERS


@pytest.mark.parametrize("named", ["", "?customer_id=c-9"])
def test_the_link_of_an_accepted_order_finds_it_before_it_is_stored(
    harness: ServiceHarness, document: dict[str, Any], named: str
) -> None:
    api: ApiClient = harness.api(**SERVICE if named else {})
    accepted = api.post(f"/orders{named}", new_order())
    path = target(document, "place_order", "read", f"/orders{named}", accepted)
    assert (api.get(path).status, api.get(path).json) == (200, accepted.json)
    again = target(document, "read_order", "again", path, api.get(path))
    assert api.get(again).status == 200


def target(document: dict[str, Any], source: str, name: str, path: str, answer: Answer) -> str:
    """The path to which a link leads; a parameter whose expression cannot be evaluated is left out (OpenAPI 3.1)."""
    operations = {
        operation["operationId"]: (template, operation)
        for template, methods in document["paths"].items()
        for operation in methods.values()
    }
    template, operation = operations[source]
    link = operation["responses"][str(answer.status)]["links"][name]
    asked = urlsplit(path)
    sent = {
        "path": dict(zip(template.split("/"), asked.path.split("/"), strict=True)),
        "query": query_of(path),
    }
    leads_to, described = operations[link["operationId"]]
    references = [each["$ref"].rpartition("/")[2] for each in described["parameters"]]
    places = {each["name"]: each["in"] for each in (document["components"]["parameters"][name] for name in references)}
    query = {}
    for parameter, expression in link["parameters"].items():
        if (value := evaluated(expression, sent, answer)) is None:
            continue
        if places[parameter] == "path":
            leads_to = leads_to.replace(f"{{{parameter}}}", quote(value, safe=""))
        elif places[parameter] == "query":
            query[parameter] = value
    return f"{leads_to}?{urlencode(query)}" if query else leads_to


def query_of(url: str) -> dict[str, str]:
    query = urlsplit(url).query
    return dict(parse_qsl(query, strict_parsing=bool(query)))


def evaluated(expression: str, sent: dict[str, dict[str, str]], answer: Answer) -> str | None:
    """A runtime expression's value; None when there is none."""
    if expression.startswith("$request.path."):
        return sent["path"].get(f"{{{expression.removeprefix('$request.path.')}}}")
    if expression.startswith("$request.query."):
        return sent["query"].get(expression.removeprefix("$request.query."))
    value: Any = json.loads(answer.body)
    for step in expression.removeprefix("$response.body#/").split("/"):
        value = value[step]
    return str(value)
