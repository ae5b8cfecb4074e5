"""If-Match of a change: 412 for a version that the client has not seen, 428 without one."""

import json

import pytest

from chalicelib.domain.orders import Order
from testkit.api_client import Answer
from testkit.builders import new_order
from tests.service.harness import ServiceHarness


def place(harness: ServiceHarness) -> str:
    """Accept an order, and store it."""
    order_id: str = harness.api().post("/orders", new_order()).json["order_id"]
    harness.process_queue()
    return order_id


def patch(harness: ServiceHarness, order_id: str, value: object, if_match: str | None = "*") -> Answer:
    headers = {} if if_match is None else {"If_Match": if_match}
    return harness.api().call("PATCH", f"/orders/{order_id}", json.dumps(value), **headers)


def version_of(harness: ServiceHarness, order_id: str) -> int:
    order = harness.stored(order_id)
    assert order is not None
    return order.version


def test_an_etag_that_a_proxy_has_weakened_names_the_version(harness: ServiceHarness) -> None:
    assert patch(harness, place(harness), {"note": "new"}, 'W/"1"').status == 200


@pytest.mark.parametrize(
    ("if_match", "status", "slug"),
    [
        (None, 428, "precondition-required"),
        ('"2"', 412, "precondition-failed"),
        ('W/"2"', 412, "precondition-failed"),
        ("1", 400, "invalid-parameter"),
        ("", 400, "invalid-parameter"),
    ],
)
def test_a_change_needs_the_version_that_was_seen(
    harness: ServiceHarness, if_match: str | None, status: int, slug: str
) -> None:
    order_id = place(harness)
    answer = patch(harness, order_id, {"note": "new"}, if_match)
    assert (answer.status, answer.problem) == (status, slug)
    assert version_of(harness, order_id) == 1


@pytest.mark.parametrize("if_match", ["*", '"1"', '"7", "1"', ' "1" '])
def test_if_match_may_list_several_versions_or_match_any(harness: ServiceHarness, if_match: str) -> None:
    assert patch(harness, place(harness), {"note": "new"}, if_match).status == 200


def test_a_change_overtaken_by_another_writer_is_refused(harness: ServiceHarness) -> None:
    order_id = place(harness)
    overtaken: list[bool] = []

    def overtake(_sent: str) -> None:
        if not overtaken:  # another writer, between the read and the write of this change
            overtaken.append(True)
            order = harness.stored(order_id)
            assert isinstance(order, Order)
            harness.put(order.model_copy(update={"note": "first", "version": 2}))

    harness.fail(harness.wiring.order_table(), "UpdateItem", overtake)
    answer = patch(harness, order_id, {"note": "second"})
    assert (answer.status, answer.problem) == (412, "precondition-failed")
    assert harness.api().get(f"/orders/{order_id}").json["note"] == "first"
