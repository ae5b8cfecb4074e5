"""PATCH and DELETE /orders/{order_id}: changes of a known version, who may make them, and erasure."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from testkit.api_client import Answer
from testkit.builders import ADDRESS, CUSTOMER, an_order, fresh_order_id, line, new_order
from tests.service.harness import ServiceHarness, throttled

SERVICE = {"subject": "shop", "scope": "orders/service"}
ADMIN = {"subject": "ann", "scope": "orders/admin orders/service"}


def place(harness: ServiceHarness, **new: Any) -> str:
    """Accept an order, and store it."""
    order_id: str = harness.api().post("/orders", new_order(**new)).json["order_id"]
    harness.process_queue()
    return order_id


def patch(harness: ServiceHarness, order_id: str, value: Any, if_match: str | None = "*", **who: str) -> Answer:
    headers = {"Content_Type": "application/merge-patch+json"}
    if if_match is not None:
        headers["If_Match"] = if_match
    text = value if isinstance(value, str) else json.dumps(value)
    return harness.api(**who).call("PATCH", f"/orders/{order_id}", text, **headers)


def erase(harness: ServiceHarness, order_id: str, **who: str) -> Answer:
    return harness.api(**who or ADMIN).call("DELETE", f"/orders/{order_id}?customer_id={CUSTOMER}")


def assert_erased(harness: ServiceHarness, order_id: str) -> None:
    assert erase(harness, order_id).status == 204


def version_of(harness: ServiceHarness, order_id: str) -> int:
    order = harness.stored(order_id)
    assert order is not None
    return order.version


def test_a_change_makes_the_next_version(harness: ServiceHarness) -> None:
    order_id = place(harness)
    changes = {"note": "new", "shipping_address": ADDRESS, "items": [line(quantity=1)]}
    answer = patch(harness, order_id, changes, '"1"')
    assert (answer.status, answer.headers["ETag"]) == (200, '"2"')
    assert (answer.json["note"], answer.json["total"], answer.json["version"]) == ("new", 255, 2)
    assert answer.json["updated_at"] > answer.json["placed_at"]
    assert harness.api().get(f"/orders/{order_id}").json == answer.json


def test_a_service_moves_an_order_to_delivered(harness: ServiceHarness) -> None:
    order_id = place(harness)
    for version, status in enumerate(["confirmed", "shipped", "delivered"], start=1):
        answer = patch(harness, order_id, {"status": status}, f'"{version}"', **SERVICE)
        assert (answer.status, answer.json["status"], answer.headers["ETag"]) == (200, status, f'"{version + 1}"')


def test_an_owner_cancels_with_a_reason(harness: ServiceHarness) -> None:
    answer = patch(harness, place(harness), {"status": "cancelled", "status_reason": "changed my mind"})
    assert (answer.json["status"], answer.json["status_reason"]) == ("cancelled", "changed my mind")


@pytest.mark.parametrize(
    "value", [{}, {"status": "placed"}, {"note": None}, {"items": [line()]}, {"items": [line(quantity=6.0)]}]
)
def test_a_change_that_changes_nothing_makes_no_new_version(harness: ServiceHarness, value: Any) -> None:
    order_id = place(harness)
    answer = patch(harness, order_id, value)
    assert (answer.status, answer.headers["ETag"]) == (200, '"1"')
    assert version_of(harness, order_id) == 1


def test_a_status_that_the_order_has_keeps_its_reason(harness: ServiceHarness) -> None:
    order_id = place(harness)
    cancelled = {"status": "cancelled", "status_reason": "ordered twice"}
    assert patch(harness, order_id, cancelled).status == 200
    for same in (cancelled, {"status": "cancelled"}):
        assert patch(harness, order_id, same, "*").headers["ETag"] == '"2"'
    answer = patch(harness, order_id, {"status": "cancelled", "status_reason": "out of stock"}, "*")
    assert (answer.status, answer.problem) == (409, "conflict")
    assert answer.json["detail"] == "the reason of an order that is cancelled is fixed"
    assert version_of(harness, order_id) == 2


REFUSED: list[tuple[Any, dict[str, str], int, str]] = [
    ({"status": "confirmed"}, {}, 403, "forbidden"),
    ({"status": "shipped"}, SERVICE, 409, "conflict"),
    ({"status": "rejected"}, SERVICE, 409, "conflict"),
    ({"status": "erased"}, SERVICE, 409, "conflict"),
    ({"status": "accepted"}, SERVICE, 422, "invalid-order"),
    ({"items": []}, {}, 422, "invalid-order"),
    ({"items": None}, {}, 422, "invalid-order"),
    ({"currency": "EUR"}, {}, 422, "invalid-order"),
    ({"customer_id": "17851"}, SERVICE, 422, "invalid-order"),
    ({"version": 9}, {}, 422, "invalid-order"),
    ({"note": "a\x00b"}, {}, 422, "invalid-order"),
    ({"note": ["x"]}, {}, 422, "invalid-order"),
    ([], {}, 422, "invalid-order"),
    ("null", {}, 422, "invalid-order"),
    ("{", {}, 400, "malformed-json"),
    ('{"note": NaN}', {}, 400, "malformed-json"),
    ('{"note": "\\ud800"}', {}, 422, "invalid-order"),
    ('{"shipping_address": {"\\ud800": 1}}', {}, 422, "invalid-order"),
    ('{"note":' + '{"a":' * 300 + "1" + "}" * 300 + "}", {}, 422, "invalid-order"),
    ('{"items":' + "[" * 300 + "]" * 300 + "}", {}, 422, "invalid-order"),
    ({"note": "n"}, {"scope": "orders/read"}, 403, "forbidden"),
    ({"note": "n"}, {"subject": "17851"}, 404, "not-found"),
]


@pytest.mark.parametrize(("value", "who", "status", "slug"), REFUSED, ids=[str(each[0])[:30] for each in REFUSED])
def test_a_refused_change_leaves_the_order_as_it_was(
    harness: ServiceHarness, value: Any, who: dict[str, str], status: int, slug: str
) -> None:
    order_id = place(harness)
    answer = patch(harness, order_id, value, **who)
    assert (answer.status, answer.problem) == (status, slug)
    assert version_of(harness, order_id) == 1


def test_a_refused_transition_names_the_allowed_ones(harness: ServiceHarness) -> None:
    document = patch(harness, place(harness), {"status": "delivered"}, **SERVICE).json
    assert (document["current_status"], document["allowed_statuses"]) == ("placed", ["cancelled", "confirmed"])


@pytest.mark.parametrize(
    ("status", "value", "who", "allowed"),
    [
        ("shipped", {"note": "n"}, SERVICE, ["delivered"]),
        ("shipped", {"note": "n"}, {}, []),
        ("confirmed", {"items": [line(quantity=1)]}, SERVICE, ["cancelled", "shipped"]),
        ("confirmed", {"items": [line(quantity=1)]}, {}, ["cancelled"]),
        ("cancelled", {"status": "cancelled", "status_reason": "another"}, SERVICE, []),
        ("rejected", {"note": "n"}, SERVICE, []),
        ("rejected", {"metadata": {"parcel": "1"}}, {}, []),
    ],
    ids=str,
)
def test_a_change_that_comes_too_late_names_the_statuses_that_may_follow(
    harness: ServiceHarness, status: str, value: Any, who: dict[str, str], allowed: list[str]
) -> None:
    order_id = fresh_order_id()
    harness.put(an_order(order_id=order_id, status=status))
    answer = patch(harness, order_id, value, **who)
    assert (answer.status, answer.problem) == (409, "conflict")
    assert (answer.json["current_status"], answer.json["allowed_statuses"]) == (status, allowed)


def test_an_order_that_is_not_stored_yet_cannot_be_changed(harness: ServiceHarness) -> None:
    order_id = harness.api().post("/orders", new_order()).json["order_id"]
    answer = patch(harness, order_id, {"note": "n"})
    assert (answer.status, answer.problem, answer.headers["Retry-After"]) == (409, "not-yet-stored", "1")


@pytest.mark.parametrize("media_type", ["text/plain", "application/json-patch+json"])
def test_a_change_must_be_a_merge_patch(harness: ServiceHarness, media_type: str) -> None:
    order_id = place(harness)
    answer = harness.api().call("PATCH", f"/orders/{order_id}", "{}", Content_Type=media_type, If_Match="*")
    assert (answer.status, answer.problem) == (415, "unsupported-media-type")


def test_with_the_table_down_a_change_is_unavailable_and_may_be_retried(harness: ServiceHarness) -> None:
    order_id = place(harness)
    harness.fail(harness.wiring.order_table(), "UpdateItem", lambda _sent: throttled())
    answer = patch(harness, order_id, {"note": "n"})
    assert (answer.status, answer.problem, answer.headers["Retry-After"]) == (503, "unavailable", "1")


@pytest.mark.parametrize("operation", ["GetItem", "UpdateItem"])
def test_a_change_that_failed_before_it_took_effect_says_so(harness: ServiceHarness, operation: str) -> None:
    order_id = place(harness)
    error: Any = {
        "Error": {"Code": "AccessDenied"},
        "ResponseMetadata": {"HTTPStatusCode": 400, "AmbiguousAttempts": 0},
    }
    harness.fail(harness.wiring.order_table(), operation, lambda _sent: ClientError(error, operation))
    answer = patch(harness, order_id, {"note": "n"})
    assert (answer.status, answer.json["detail"]) == (503, "A dependency failed. Nothing was changed.")


@pytest.mark.parametrize(
    "change", [{"status": None}, {"status_reason": "why"}, {"status": "cancelled", "status_reason": None}], ids=str
)
def test_a_status_cannot_be_removed_and_a_reason_needs_a_status(harness: ServiceHarness, change: Any) -> None:
    order_id = place(harness)
    answer = patch(harness, order_id, change)
    assert (answer.status, answer.json["type"]) == (422, "urn:problem:orders:invalid-order")
    assert version_of(harness, order_id) == 1


def test_an_order_does_not_grow_beyond_its_size_by_many_changes(harness: ServiceHarness) -> None:
    """Each change fits into a request; the item that they add up to would not fit into the table."""
    order = an_order(order_id=fresh_order_id(), new={"items": [line(name="x" * 400)] * 500})
    harness.put(order)
    patch = json.dumps({"metadata": {f"key {n}": "x" * 500 for n in range(50)}})
    answer = harness.api().call("PATCH", f"/orders/{order.order_id}", patch, If_Match="*")
    assert (answer.status, answer.problem) == (422, "invalid-order")
    assert answer.json["errors"] == [{"pointer": "", "detail": "The whole order would be larger than 245760 bytes"}]
    assert harness.stored(order.order_id) == order


def test_an_empty_value_of_metadata_makes_room_for_another(harness: ServiceHarness) -> None:
    order = an_order(order_id=fresh_order_id(), new={"metadata": {f"k{n}": "v" for n in range(50)}})
    harness.put(order)
    patch = json.dumps({"metadata": {"k0": "", "new": "v"}})
    answer = harness.api().call("PATCH", f"/orders/{order.order_id}", patch, If_Match="*")
    assert (answer.status, len(answer.json["metadata"]), answer.json["metadata"]["new"]) == (200, 50, "v")


def test_a_number_of_thousands_of_digits_is_refused_in_plain_words(harness: ServiceHarness) -> None:
    answer = harness.api().post("/orders", '{"note": ' + "1" * 5_000 + "}")
    assert (answer.status, answer.json["detail"]) == (400, "A number has too many digits")
