"""GET /orders?order_id=…: many orders by one request, each read once, and no other customer's."""

import functools
import json
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from testkit.api_client import Answer, ApiClient
from testkit.builders import LATER, an_order, line, new_order
from tests.service.harness import ServiceHarness, throttled

UUID_ID = "ord_" + "0f8fad5bd9cb469fa16570867728950e"  # as direct acceptance makes ids: without a seal


def read(api: ApiClient, ids: list[str], **more: str) -> Answer:
    return api.get(f"/orders?{urlencode([('order_id', each) for each in ids] + list(more.items()))}")


@pytest.fixture
def customer() -> str:
    return f"c-{uuid.uuid4().hex}"


@pytest.fixture
def api(harness: ServiceHarness, customer: str) -> ApiClient:
    return harness.api(subject=customer)


def accepted(api: ApiClient, **order: Any) -> str:
    return str(api.post("/orders", new_order(**order)).json["order_id"])


def calls(harness: ServiceHarness) -> dict[str, list[Any]]:
    """The calls to the table from now on, by operation: the body of each."""
    made: dict[str, list[Any]] = {"BatchGetItem": [], "Query": [], "GetItem": []}
    for operation, bodies in made.items():
        harness.fail(harness.wiring.read_table(), operation, functools.partial(_note, bodies))
    return made


def _note(bodies: list[Any], body: str) -> None:
    bodies.append(json.loads(body))


def test_each_order_is_answered_as_it_stands_in_the_order_of_the_request(
    harness: ServiceHarness, api: ApiClient, customer: str
) -> None:
    stored = [accepted(api, reference=str(number)) for number in range(3)]
    harness.process_queue()
    waiting = accepted(api)
    erased = stored.pop()
    admin = harness.api(subject="office", scope="orders/admin")
    assert admin.call("DELETE", f"/orders/{erased}?customer_id={customer}").status == 204

    made = calls(harness)
    answer = read(api, [waiting, stored[1], erased, stored[0], stored[1]])
    assert answer.status == 200
    assert [each["order_id"] for each in answer.json["orders"]] == [waiting, stored[1], erased, stored[0]]
    assert [each["status"] for each in answer.json["orders"]] == ["accepted", "placed", "erased", "placed"]
    assert answer.json["orders"][1] == api.get(f"/orders/{stored[1]}").json
    assert answer.json["orders"][0] == {"order_id": waiting, "status": "accepted"}
    assert answer.json["orders"][2] == {"order_id": erased, "status": "erased"}
    assert (answer.json["missing"], answer.json["remaining"]) == ([], [])
    assert [len(batch["RequestItems"]["orders-tests"]["Keys"]) for batch in made["BatchGetItem"]] == [4]
    assert made["Query"] == []


def test_what_is_not_the_customers_is_missing_and_does_not_leave_the_table(
    harness: ServiceHarness, api: ApiClient
) -> None:
    other = harness.api(subject="somebody-else")
    theirs = accepted(other, items=[line(name="x" * 200)] * 200)
    harness.process_queue()
    direct = an_order(order_id=UUID_ID, customer_id="somebody-else")
    harness.put(direct)
    made_up = "ord_" + "0" * 32

    assert read(other, [theirs, direct.order_id]).json["missing"] == []
    sizes = harness.response_sizes(harness.wiring.read_table())
    made = calls(harness)
    ids = [theirs, direct.order_id, made_up, "nonsense", ""]
    answer = read(api, ids)
    assert answer.json["orders"] == []
    assert sorted(answer.json["missing"]) == sorted(ids)
    assert made["BatchGetItem"] == []
    assert len(made["Query"]) == 3, "each well-formed id is read once"
    assert len(set(sizes)) == 1, "an order of another customer is answered as one that does not exist"


def test_an_order_without_a_seal_is_read_by_its_owner(harness: ServiceHarness, api: ApiClient, customer: str) -> None:
    direct = an_order(order_id="ord_" + uuid.uuid4().hex, customer_id=customer)
    harness.put(direct)
    sealed = accepted(api)
    harness.process_queue()
    answer = read(api, [direct.order_id, sealed])
    assert [each["order_id"] for each in answer.json["orders"]] == [direct.order_id, sealed]


def test_a_service_reads_any_customers_orders_or_those_of_one(
    harness: ServiceHarness, api: ApiClient, customer: str
) -> None:
    ids = [accepted(api), accepted(harness.api(subject="another"))]
    harness.process_queue()
    waiting = accepted(api)
    service = harness.api(subject="shop", scope="orders/service")
    everyones = read(service, [*ids, waiting]).json
    assert [each["order_id"] for each in everyones["orders"]] == ids
    assert everyones["missing"] == [waiting], "as with one order: whose it would be nobody has said"
    customers = read(service, [*ids, waiting], customer_id=customer).json
    assert [each["status"] for each in customers["orders"]] == ["placed", "accepted"]
    assert customers["missing"] == [ids[1]]


def test_a_hundred_orders_are_read_by_one_call_and_one_more_is_refused(harness: ServiceHarness, api: ApiClient) -> None:
    ids = []
    for _ in range(100):
        ids.append(accepted(api))
        harness.process_queue()
    made = calls(harness)
    assert [each["order_id"] for each in read(api, ids).json["orders"]] == ids
    assert {operation: len(bodies) for operation, bodies in made.items()} == {
        "BatchGetItem": 1, "Query": 0, "GetItem": 0,
    }  # fmt: skip
    for refused in (read(api, [*ids, ids[0]]), read(api, []), api.get("/orders?order_id=a&limit=1")):
        assert (refused.status, refused.problem) == (400, "invalid-parameter")


def leaving_over(harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch, left: Iterator[int]) -> list[int]:
    """Let the table leave over so many keys of each call; returns the number of keys of each call."""
    client = harness.wiring.read_table().client
    batch_get_item = client.batch_get_item
    asked: list[int] = []

    def some_of_it(*, RequestItems: dict[str, Any]) -> Any:  # noqa: N803 - DynamoDB's name
        ((table, request),) = RequestItems.items()
        asked.append(len(request["Keys"]))
        count = min(next(left, 0), len(request["Keys"]))
        done, rest = request["Keys"][count:], request["Keys"][:count]
        answer = batch_get_item(RequestItems={table: {**request, "Keys": done}}) if done else {"Responses": {}}
        return {**answer, "UnprocessedKeys": {table: {**request, "Keys": rest}} if rest else {}}

    monkeypatch.setitem(vars(client), "batch_get_item", some_of_it)
    return asked


def test_keys_that_the_table_leaves_over_are_asked_for_again(
    harness: ServiceHarness, api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [accepted(api) for _ in range(9)]
    harness.process_queue()
    waiting = accepted(api)
    asked = leaving_over(harness, monkeypatch, iter([7, 4, 4, 1]))
    answer = read(api, [*ids, waiting])
    assert [each["order_id"] for each in answer.json["orders"]] == [*ids, waiting]
    assert answer.json["orders"][-1]["status"] == "accepted"
    assert asked == [10, 7, 4, 4, 1]


def test_a_table_that_answers_nothing_is_unavailable(
    harness: ServiceHarness, api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = accepted(api)
    asked = leaving_over(harness, monkeypatch, iter([1] * 100))
    answer = read(api, [order_id])
    assert (answer.status, answer.problem, answer.headers["Retry-After"]) == (503, "unavailable", "1")
    assert len(asked) == 3


@pytest.mark.parametrize("operation", ["BatchGetItem", "Query"])
def test_a_table_that_fails_is_unavailable(harness: ServiceHarness, api: ApiClient, operation: str) -> None:
    harness.fail(harness.wiring.read_table(), operation, lambda _body: throttled())
    answer = read(api, [accepted(api), UUID_ID])
    assert (answer.status, answer.problem, answer.headers["Retry-After"]) == (503, "unavailable", "1")


def test_orders_that_have_no_room_in_the_response_remain_to_be_asked_for(
    harness: ServiceHarness, api: ApiClient
) -> None:
    lines = [line(name='"é' * 100)] * 280
    ids = [accepted(api, items=lines) for _ in range(20)]
    harness.process_queue()
    found: list[str] = []
    left, rounds = [*ids, "nonsense"], 0
    while left:
        answer = read(api, left)
        # Lambda's limit is of the response as JSON, in which the body is a text.
        assert len(json.dumps({"body": answer.body})) < 6_000_000
        found += [each["order_id"] for each in answer.json["orders"]]
        left, rounds = answer.json["remaining"], rounds + 1
    assert sorted(found) == sorted(ids)
    assert 1 < rounds < 5


def test_a_changed_order_is_read_as_it_is_now(harness: ServiceHarness, api: ApiClient, customer: str) -> None:
    order_id = accepted(api)
    harness.process_queue()
    harness.put(an_order(order_id=order_id, customer_id=customer, version=2, updated_at=LATER))
    assert read(api, [order_id]).json["orders"][0]["version"] == 2
