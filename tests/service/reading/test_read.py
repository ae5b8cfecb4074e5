"""GET /orders/{order_id}: an accepted order, a stored one, and one that is not the caller's to read."""

import json
import re
import uuid

import pytest

from chalicelib.domain import order_ids
from testkit.api_client import Answer
from testkit.builders import CUSTOMER, an_order, command, line, new_order
from tests.service.harness import ServiceHarness, throttled

MISSING = "ord_" + "z" * 32  # well-formed


def place(harness: ServiceHarness, **new: object) -> str:
    """Accept an order, and store it."""
    order_id: str = harness.api().post("/orders", new_order(**new)).json["order_id"]
    harness.process_queue()
    return order_id


def without_ids(answer: Answer) -> tuple[int, dict[str, str], str]:
    """An answer without the request id."""
    request_id = answer.headers["X-Request-Id"]
    headers = {name: value for name, value in answer.headers.items() if name != "X-Request-Id"}
    return answer.status, headers, answer.body.replace(request_id, "…")


def test_an_order_is_accepted_and_then_placed(harness: ServiceHarness) -> None:
    order_id = harness.api().post("/orders", new_order()).json["order_id"]
    before = harness.api().get(f"/orders/{order_id}")
    assert (before.status, before.json) == (200, {"order_id": order_id, "status": "accepted"})
    assert before.headers["Retry-After"] == "1"
    assert "ETag" not in before.headers
    harness.process_queue()
    after = harness.api().get(f"/orders/{order_id}")
    assert (after.status, after.headers["ETag"]) == (200, '"1"')
    shown = after.json
    assert shown.pop("placed_at") == shown.pop("updated_at")
    assert shown == {
        "order_id": order_id,
        "customer_id": CUSTOMER,
        "status": "placed",
        "subtotal": 1530,
        "total": 1530,
        "version": 1,
        **new_order(),
    }


def test_a_rejected_order_is_read_with_its_violations(harness: ServiceHarness) -> None:
    order_id = order_ids.mint(harness.wiring.id_secret(), CUSTOMER)
    harness.process(json.dumps(command(order_id=order_id, order=new_order(currency="XXX"))))
    shown = harness.api().get(f"/orders/{order_id}").json
    assert shown["status"] == "rejected"
    assert shown["violations"] == [
        {"pointer": "/currency", "detail": "Must be a currency code of ISO 4217, such as GBP"}
    ]


@pytest.mark.parametrize("header", ['"1"', 'W/"1"', '"7", "1"', "*"])
def test_a_version_that_the_client_has_is_not_sent_again(harness: ServiceHarness, header: str) -> None:
    order_id = place(harness)
    answer = harness.api().get(f"/orders/{order_id}", If_None_Match=header)
    assert (answer.status, answer.body, answer.headers["ETag"]) == (304, "", '"1"')


@pytest.mark.parametrize("header", ['"2"', "1", "", '"x"', '"01"'])
def test_any_other_version_is_sent(harness: ServiceHarness, header: str) -> None:
    assert harness.api().get(f"/orders/{place(harness)}", If_None_Match=header).status == 200


def test_another_customers_order_is_answered_exactly_like_a_missing_one(harness: ServiceHarness) -> None:
    another_customer = harness.api(subject="17851")
    placed = place(harness)
    waiting = harness.api().post("/orders", new_order()).json["order_id"]
    missing = another_customer.get(f"/orders/{MISSING}")
    assert (missing.status, missing.problem) == (404, "not-found")
    for order_id in (placed, waiting):
        assert without_ids(another_customer.get(f"/orders/{order_id}")) == without_ids(missing)


def test_another_customers_erased_order_is_answered_like_a_missing_one(harness: ServiceHarness) -> None:
    order_id = place(harness)
    admin = harness.api(subject="ann", scope="orders/admin orders/service")
    assert admin.call("DELETE", f"/orders/{order_id}?customer_id={CUSTOMER}").status == 204
    assert harness.api().get(f"/orders/{order_id}").problem == "gone"
    another_customer = harness.api(subject="17851")
    missing = another_customer.get(f"/orders/{MISSING}")
    assert without_ids(another_customer.get(f"/orders/{order_id}")) == without_ids(missing)


@pytest.mark.parametrize("is_sealed", [True, False], ids=["an id of the API", "a client's UUID"])
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_for_another_customers_large_order_dynamodb_sends_no_more_than_for_a_missing_one(
    harness: ServiceHarness, method: str, *, is_sealed: bool
) -> None:
    ids = [
        order_ids.mint(harness.wiring.id_secret(), CUSTOMER) if is_sealed else f"ord_{uuid.uuid4().hex}"
        for _ in range(3)
    ]
    harness.put(an_order(order_id=ids[1]))
    harness.put(an_order(order_id=ids[2], new={"items": [line(name="n" * 190)] * 1_500}))
    sizes = harness.response_sizes(harness.wiring.order_table())
    received = []
    for order_id in ids:
        sizes.clear()
        answer = harness.api(subject="17851").call(method, f"/orders/{order_id}", "{}", If_Match="*")
        assert answer.status == 404
        received.append(list(sizes))
    assert received[1:] == [received[0]] * 2


def test_for_an_id_that_direct_acceptance_may_have_given_the_404_asks_for_a_retry(harness: ServiceHarness) -> None:
    order_id = f"ord_{uuid.uuid4().hex}"
    before = harness.api().get(f"/orders/{order_id}")
    assert (before.status, before.problem, before.headers["Retry-After"]) == (404, "not-found", "1")
    harness.process(json.dumps(command(order_id=order_id)))
    assert harness.api().get(f"/orders/{order_id}").json["status"] == "placed"
    assert without_ids(harness.api(subject="17851").get(f"/orders/{order_id}")) == without_ids(before)
    admin = harness.api(subject="ann", scope="orders/admin")
    assert admin.call("DELETE", f"/orders/{order_id}?customer_id={CUSTOMER}").status == 204
    assert without_ids(harness.api().get(f"/orders/{order_id}")) == without_ids(before)


@pytest.mark.parametrize("order_id", ["x", "ord_", "ord_" + "0" * 32, "ord_" + "u" * 32, "%00", "é", "a" * 3_000, " "])
def test_a_well_formed_id_without_an_order_is_not_found(harness: ServiceHarness, order_id: str) -> None:
    assert harness.api().get(f"/orders/{order_id}").problem == "not-found"


def test_a_service_reads_any_order_or_only_those_of_a_named_customer(harness: ServiceHarness) -> None:
    order_id = place(harness)
    service = harness.api(subject="shop", scope="orders/service")
    assert service.get(f"/orders/{order_id}").json["customer_id"] == CUSTOMER
    assert service.get(f"/orders/{order_id}?customer_id={CUSTOMER}").status == 200
    assert service.get(f"/orders/{order_id}?customer_id=17851").problem == "not-found"


@pytest.mark.parametrize(
    ("query", "who", "slug"),
    [
        ("?customer_id=17851", {}, "forbidden"),
        ("?surplus=1", {}, "invalid-parameter"),
        ("", {"scope": "orders/write"}, "forbidden"),
        ("", {"scope": ""}, "forbidden"),
    ],
)
def test_reading_needs_the_scope_and_the_callers_own_customer_id(
    harness: ServiceHarness, query: str, who: dict[str, str], slug: str
) -> None:
    assert harness.api(**who).get(f"/orders/{place(harness)}{query}").problem == slug


def test_with_the_table_down_an_order_is_unavailable_not_missing(harness: ServiceHarness) -> None:
    order_id = place(harness)
    harness.fail(harness.wiring.order_table(), "GetItem", lambda _body: throttled())
    answer = harness.api().get(f"/orders/{order_id}")
    assert (answer.status, answer.problem, answer.headers["Retry-After"]) == (503, "unavailable", "1")
    assert not re.search("dynamo|throttl|orders-tests", answer.body, re.IGNORECASE)


def test_an_unreadable_item_is_an_internal_error_that_discloses_nothing(harness: ServiceHarness) -> None:
    order = an_order(order_id=f"ord_{uuid.uuid4().hex}")
    harness.put(order)
    harness.dynamodb.update_item(
        TableName="orders-tests",
        Key={"order_id": {"S": order.order_id}},
        UpdateExpression="REMOVE fingerprint",
    )
    answer = harness.api().get(f"/orders/{order.order_id}")
    assert answer.status == 500
    assert answer.problem
    assert "fingerprint" not in answer.body


def test_health_answers_without_calling_a_dependency(harness: ServiceHarness) -> None:
    for adapter, operation in ((harness.wiring.order_table(), "*"), (harness.wiring.order_queue(), "*")):
        harness.fail(adapter, operation, lambda _body: throttled())
    answer = harness.api(scope="").get("/health")
    assert (answer.status, answer.json["status"]) == (200, "ok")


def test_the_root_links_to_the_description_of_the_api(harness: ServiceHarness) -> None:
    answer = harness.api(scope="").get("/")
    assert (answer.status, answer.json["openapi"], answer.json["health"]) == (200, "/api/openapi.json", "/api/health")
    assert answer.headers["Link"] == '</api/openapi.json>; rel="service-desc"'


def test_answers_are_not_to_be_cached(harness: ServiceHarness) -> None:
    for answer in (harness.api().get(f"/orders/{place(harness)}"), harness.api().get("/orders/x")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
