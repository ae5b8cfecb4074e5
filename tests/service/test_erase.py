"""DELETE /orders/{order_id}: only an admin erases, and an order on its way is not answered as if it did not exist."""

import json
import uuid

import pytest

from chalicelib.domain.orders import ErasedOrder
from testkit.builders import ADDRESS, CUSTOMER, command, new_order
from tests.service.harness import ServiceHarness
from tests.service.test_change import ADMIN, SERVICE, erase, patch, place, version_of

# --- erasure ---------------------------------------------------------------------------------------------------------


def test_an_erased_order_is_gone_and_stays_gone(harness: ServiceHarness) -> None:
    order_id = place(harness, note="private", shipping_address=ADDRESS)
    answer = erase(harness, order_id)
    assert (answer.status, answer.body) == (204, "")
    tombstone = harness.stored(order_id)
    assert isinstance(tombstone, ErasedOrder)
    assert CUSTOMER not in tombstone.model_dump_json()
    for who in ({}, SERVICE):
        assert harness.api(**who).get(f"/orders/{order_id}").problem == "gone"
        assert patch(harness, order_id, {"note": "n"}, **who).problem == "gone"
    assert erase(harness, order_id).status == 204
    assert version_of(harness, order_id) == tombstone.version


@pytest.mark.parametrize("who", [{}, SERVICE, {"scope": "orders/read orders/write orders/service"}])
def test_only_an_admin_erases(harness: ServiceHarness, who: dict[str, str]) -> None:
    order_id = place(harness)
    assert erase(harness, order_id, **who or {"subject": CUSTOMER}).problem == "forbidden"
    assert version_of(harness, order_id) == 1


def test_an_order_that_does_not_exist_cannot_be_erased(harness: ServiceHarness) -> None:
    assert erase(harness, "ord_" + "0" * 32).problem == "not-found"
    assert erase(harness, "x").problem == "not-found"


@pytest.mark.parametrize("is_stored", [False, True])
def test_an_erasure_that_names_no_customer_is_refused_and_erases_nothing(
    harness: ServiceHarness, *, is_stored: bool
) -> None:
    order_id = harness.api().post("/orders", new_order(note="private")).json["order_id"]
    if is_stored:
        harness.process_queue()
    answer = harness.api(**ADMIN).call("DELETE", f"/orders/{order_id}")
    assert (answer.status, answer.problem) == (400, "customer-required")
    assert "?customer_id=" in answer.json["detail"]
    harness.process_queue()
    assert version_of(harness, order_id) == 1


def test_erasing_an_order_that_is_not_stored_yet_asks_for_a_retry(harness: ServiceHarness) -> None:
    order_id = harness.api().post("/orders", new_order(note="private")).json["order_id"]
    answer = erase(harness, order_id)
    assert (answer.status, answer.problem, answer.headers["Retry-After"]) == (409, "not-yet-stored", "1")
    harness.process_queue()
    assert erase(harness, order_id).status == 204


@pytest.mark.parametrize(("customer", "status"), [("17851", 404), ("a%2Fb", 400), ("", 400)])
def test_an_erasure_that_names_another_customer_erases_nothing(
    harness: ServiceHarness, customer: str, status: int
) -> None:
    order_id = place(harness)
    answer = harness.api(**ADMIN).call("DELETE", f"/orders/{order_id}?customer_id={customer}")
    assert answer.status == status
    assert version_of(harness, order_id) == 1


def test_an_order_under_a_clients_uuid_is_erased_again_with_the_same_answer(harness: ServiceHarness) -> None:
    order_id = f"ord_{uuid.uuid4().hex}"  # as direct acceptance makes it: without a seal that says whose it was
    answer = erase(harness, order_id)
    assert (answer.status, answer.headers["Retry-After"]) == (404, "1")
    harness.process(json.dumps(command(order_id=order_id)))
    assert [erase(harness, order_id).status, erase(harness, order_id).status] == [204, 204]


def test_an_erasure_succeeds_although_the_order_changes_meanwhile(harness: ServiceHarness) -> None:
    order_id = place(harness)

    def overtake(_sent: str) -> None:
        harness.end_faults()
        patch(harness, order_id, {"note": "faster"})

    harness.fail(harness.wiring.order_table(), "PutItem", overtake)
    assert erase(harness, order_id).status == 204
    assert isinstance(harness.stored(order_id), ErasedOrder)
