"""POST /orders: one command on the queue and a 202, or a problem and nothing on the queue."""

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError

from chalicelib.domain import commands, order_ids
from testkit.builders import CUSTOMER, command, line, new_order
from tests.service.harness import ServiceHarness, throttled


def a_key() -> str:
    return uuid.uuid4().hex


def queued(harness: ServiceHarness) -> list[str]:
    return harness.bodies("orders-tests-queue")


def test_an_order_is_accepted_and_queued_once(harness: ServiceHarness) -> None:
    answer = harness.api().post("/orders", new_order(note="n"))
    order_id = answer.json["order_id"]
    assert (answer.status, answer.json) == (202, {"order_id": order_id, "status": "accepted"})
    assert answer.headers["Location"] == f"/api/orders/{order_id}"
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["Content-Type"] == "application/json"
    assert "Idempotency-Replayed" not in answer.headers
    (body,) = queued(harness)
    sent = commands.decode(body)
    assert (sent.order_id, sent.customer_id, sent.order) == (order_id, CUSTOMER, new_order(note="n"))
    assert sent.correlation_id == answer.headers["X-Request-Id"]
    assert order_ids.is_sealed_for(harness.wiring.id_secret(), order_id, CUSTOMER)


def test_accepting_writes_nothing_to_the_table(harness: ServiceHarness) -> None:
    order_id = harness.api().post("/orders", new_order(), Idempotency_Key=a_key()).json["order_id"]
    assert harness.stored(order_id) is None


def test_a_service_places_for_a_customer_and_gets_the_location_to_read(harness: ServiceHarness) -> None:
    service = harness.api(subject="shop", scope="orders/service")
    answer = service.post("/orders?customer_id=17851", new_order())
    assert answer.headers["Location"] == f"/api/orders/{answer.json['order_id']}?customer_id=17851"
    (body,) = queued(harness)
    assert json.loads(body)["customer_id"] == "17851"
    assert service.get(answer.headers["Location"].removeprefix("/api")).json["status"] == "accepted"


def test_the_largest_real_order_passes(harness: ServiceHarness) -> None:
    large = new_order(items=[line(sku=str(n), name="WHITE HANGING HEART T-LIGHT HOLDER") for n in range(1_114)])
    assert len(json.dumps(large)) > 90_000
    answer = harness.api().post("/orders", large)
    assert answer.status == 202
    harness.process_queue()
    assert harness.api().get(f"/orders/{answer.json['order_id']}").json["items"] == large["items"]


BAD: list[tuple[str, Any, int, str]] = [
    ("nothing", "", 400, "malformed-json"),
    ("malformed", '{"currency": "GBP"', 400, "malformed-json"),
    ("NaN", '{"currency": NaN}', 400, "malformed-json"),
    ("a name twice", '{"note": "a", "note": "b"}', 400, "malformed-json"),
    ("depth", "[" * 100_000, 400, "malformed-json"),
    ("5,000 digits", '{"currency": ' + "9" * 5_000 + "}", 400, "malformed-json"),
    ("4,000 digits", json.dumps(new_order(items=[line(quantity=int("9" * 4_000))])), 422, "invalid-order"),
    ("null", "null", 422, "invalid-order"),
    ("a list", [new_order()], 422, "invalid-order"),
    ("an empty object", {}, 422, "invalid-order"),
    ("a text for a number", new_order(items=[line(quantity="6")]), 422, "invalid-order"),
    ("true for a number", new_order(items=[line(quantity=True)]), 422, "invalid-order"),
    ("a fraction", new_order(items=[line(quantity=1.5)]), 422, "invalid-order"),
    ("an unknown field", new_order(surplus=1), 422, "invalid-order"),
    ("a field of the service", new_order(customer_id="17851"), 422, "invalid-order"),
    ("another field of the service", new_order(total=1), 422, "invalid-order"),
    ("2,001 items", new_order(items=[line(name=None)] * 2_001), 422, "invalid-order"),
    ("no items", new_order(items=[]), 422, "invalid-order"),
    ("a lone surrogate", '{"note": "\\ud800"}', 422, "invalid-order"),
    ("a lone surrogate for a name", '{"\\ud800": 1}', 422, "invalid-order"),
    ("NUL", new_order(note="a\x00b"), 422, "invalid-order"),
    ("300 KB", new_order(note="n" * 300_000), 413, "content-too-large"),
]


@pytest.mark.parametrize(("what", "body", "status", "slug"), BAD, ids=[each[0] for each in BAD])
def test_an_invalid_body_is_a_problem_and_nothing_is_queued(
    harness: ServiceHarness, what: str, body: Any, status: int, slug: str
) -> None:
    answer = harness.api().post("/orders", body, Idempotency_Key=a_key())
    assert (answer.status, answer.problem) == (status, slug), what
    if slug == "invalid-order":
        assert all(set(each) == {"pointer", "detail"} for each in answer.json["errors"])
    assert queued(harness) == []


@pytest.mark.parametrize(
    ("path", "headers", "who", "refusal"),
    [
        ("/orders", {"Content_Type": "text/plain"}, {}, (415, "unsupported-media-type")),
        ("/orders", {"Content_Type": "application/x-www-form-urlencoded"}, {}, (415, "unsupported-media-type")),
        ("/orders", {"Content_Type": "application/jsonx"}, {}, (415, "unsupported-media-type")),
        ("/orders?customer_id=17851", {}, {}, (403, "forbidden")),
        ("/orders?customer_id=a+b", {}, {}, (400, "invalid-parameter")),
        ("/orders?customer=17850", {}, {}, (400, "invalid-parameter")),
        ("/orders?customer_id=17850&customer_id=17851", {}, {}, (400, "invalid-parameter")),
        ("/orders", {"Idempotency_Key": ""}, {}, (400, "invalid-parameter")),
        ("/orders", {"Idempotency_Key": "a b"}, {}, (400, "invalid-parameter")),
        ("/orders", {"Idempotency_Key": "k" * 256}, {}, (400, "invalid-parameter")),
        ("/orders", {}, {"scope": "orders/read"}, (403, "forbidden")),
        ("/orders", {}, {"scope": ""}, (403, "forbidden")),
        ("/orders", {}, {"scope": "orders/service"}, (400, "customer-required")),
        ("/orders", {}, {"subject": "no customer!"}, (403, "forbidden")),
    ],
)
def test_an_invalid_or_forbidden_request_is_a_problem_and_nothing_is_queued(
    harness: ServiceHarness, path: str, headers: dict[str, str], who: dict[str, str], refusal: tuple[int, str]
) -> None:
    answer = harness.api(**who).post(path, new_order(), **headers)
    assert (answer.status, answer.problem) == refusal
    assert queued(harness) == []


def test_a_media_type_may_have_parameters(harness: ServiceHarness) -> None:
    assert harness.api().post("/orders", new_order(), Content_Type="application/json; charset=utf-8").status == 202
    assert harness.api().post("/orders", new_order(), Content_Type="APPLICATION/JSON").status == 202


def test_an_unsupported_method_is_a_problem_that_names_the_allowed_ones(harness: ServiceHarness) -> None:
    answer = harness.api().call("PUT", "/orders", "{}")
    assert (answer.status, answer.problem) == (405, "method-not-allowed")
    assert "POST" in answer.headers["Allow"]


# --- idempotency -----------------------------------------------------------------------------------------------------


def test_a_retry_before_the_order_is_stored_names_the_same_order_and_places_it_once(harness: ServiceHarness) -> None:
    key = a_key()
    first, second = (harness.api().post("/orders", new_order(), Idempotency_Key=key) for _ in range(2))
    assert first.json == second.json
    assert len(harness.process_queue()) == 2
    assert harness.quarantined() == []


def test_a_retry_after_the_order_is_stored_is_answered_like_the_first_and_not_queued(harness: ServiceHarness) -> None:
    key = a_key()
    first = harness.api().post("/orders", new_order(), Idempotency_Key=key)
    harness.process_queue()
    again = harness.api().post("/orders", new_order(), Idempotency_Key=f'"{key}"')
    assert (again.status, again.json, again.headers["Location"]) == (202, first.json, first.headers["Location"])
    assert again.headers["Idempotency-Replayed"] == "true"
    assert queued(harness) == []


def test_a_key_that_was_used_for_another_order_is_refused(harness: ServiceHarness) -> None:
    key = a_key()
    harness.api().post("/orders", new_order(), Idempotency_Key=key)
    harness.process_queue()
    answer = harness.api().post("/orders", new_order(note="other"), Idempotency_Key=key)
    assert (answer.status, answer.problem) == (422, "idempotency-key-reused")
    assert queued(harness) == []


def test_the_same_key_of_another_customer_names_another_order(harness: ServiceHarness) -> None:
    key = a_key()
    ids = {
        harness.api(subject=who).post("/orders", new_order(), Idempotency_Key=key).json["order_id"]
        for who in ("a", "b")
    }
    assert len(ids) == 2


def test_without_a_key_every_post_is_an_order(harness: ServiceHarness) -> None:
    ids = {harness.api().post("/orders", new_order()).json["order_id"] for _ in range(3)}
    assert len(ids) == len(queued(harness)) == 3


# --- when a dependency is down ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [throttled(), ConnectTimeoutError(endpoint_url="http://dynamodb")], ids=repr)
def test_with_the_table_down_orders_are_still_accepted(harness: ServiceHarness, fault: Exception) -> None:
    harness.fail(harness.wiring.fail_fast_order_table(), "GetItem", lambda _body: fault)
    assert harness.api().post("/orders", new_order(), Idempotency_Key=a_key()).status == 202
    assert len(queued(harness)) == 1


def test_with_the_queue_down_nothing_is_accepted(harness: ServiceHarness) -> None:
    harness.fail(harness.wiring.order_queue(), "SendMessage", lambda _body: throttled())
    answer = harness.api().post("/orders", new_order())
    assert (answer.status, answer.problem, answer.headers["Retry-After"]) == (503, "unavailable", "1")
    assert "sqs" not in answer.body.lower()
    assert answer.json["detail"] == "A dependency failed. Nothing was changed."
    harness.end_faults()
    assert queued(harness) == []


def test_when_it_is_unknown_whether_an_order_was_accepted_the_response_says_so(harness: ServiceHarness) -> None:
    harness.lose_every_response(harness.wiring.order_queue(), "SendMessage")
    answer = harness.api().post("/orders", new_order())
    assert (answer.status, answer.problem, answer.headers["Retry-After"]) == (503, "unavailable", "1")
    assert answer.json["detail"] == "A dependency did not respond; the request may have taken effect."
    harness.end_faults()
    assert queued(harness)


def test_an_erased_order_is_not_placed_again_by_its_key(harness: ServiceHarness) -> None:
    key = a_key()
    order_id = harness.api().post("/orders", new_order(), Idempotency_Key=key).json["order_id"]
    harness.process_queue()
    admin = harness.api(subject="ann", scope="orders/admin orders/read orders/service")
    assert admin.call("DELETE", f"/orders/{order_id}?customer_id={CUSTOMER}").status == 204
    assert harness.api().post("/orders", new_order(), Idempotency_Key=key).problem == "gone"
    harness.process(json.dumps(command(order_id=order_id)))
    assert harness.api().get(f"/orders/{order_id}").status == 410


@pytest.mark.parametrize("customer", [".", ".."])
def test_a_customer_id_that_cannot_stand_in_a_path_places_nothing(harness: ServiceHarness, customer: str) -> None:
    own = harness.api(subject=customer).post("/orders", new_order())
    assert (own.status, own.problem) == (403, "forbidden")
    named = harness.api(subject="shop", scope="orders/service").post(f"/orders?customer_id={customer}", new_order())
    assert (named.status, named.problem) == (400, "invalid-parameter")
    assert queued(harness) == []


def test_an_order_of_such_a_customer_that_an_earlier_release_accepted_is_stored(harness: ServiceHarness) -> None:
    order_id = order_ids.mint(harness.wiring.id_secret(), ".")
    harness.process(json.dumps(command(customer_id=".", order_id=order_id)))
    assert harness.api(subject="shop", scope="orders/service").get(f"/orders/{order_id}").json["customer_id"] == "."


@pytest.mark.parametrize("customer", ["...", ".a", "..a", "a.", "a..b", "-", "a" * 64, "..." + "a" * 61])
def test_a_customer_id_may_have_dots(harness: ServiceHarness, customer: str) -> None:
    assert harness.api(subject=customer).post("/orders", new_order()).status == 202


@pytest.mark.parametrize("character", ["\ufffe", "\uffff"])
def test_text_that_an_sqs_message_cannot_hold_is_refused(harness: ServiceHarness, character: str) -> None:
    answer = harness.api().post("/orders", new_order(reference=f"a{character}"))
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, "/reference")
