"""A write whose response was lost: if it took effect it is answered as done, or 503 if that is unknown; never 412."""

from collections.abc import Callable

import pytest

from tests.service.harness import ServiceHarness, timed_out, unreachable
from tests.service.test_change import SERVICE, assert_erased, patch, place, version_of


def others_write(harness: ServiceHarness, order_id: str, count: int) -> Callable[[], None]:
    """Let another writer change the order, while a first one waits for a response."""

    def write() -> None:
        for number in range(count):
            assert patch(harness, order_id, {"note": f"other {number}"}, **SERVICE).status == 200

    return write


@pytest.mark.parametrize("others", [0, 1, 2, 3])
def test_a_change_whose_response_was_lost_is_answered_as_done(harness: ServiceHarness, others: int) -> None:
    order_id = place(harness)
    harness.lose_response(harness.wiring.order_table(), "UpdateItem", then=others_write(harness, order_id, others))
    answer = patch(harness, order_id, {"note": "own"}, '"1"')
    assert (answer.status, answer.headers.get("ETag")) == (200, '"2"')
    assert version_of(harness, order_id) == 2 + others


def test_a_cancellation_whose_response_was_lost_is_answered_as_done_although_the_order_was_erased_since(
    harness: ServiceHarness,
) -> None:
    order_id = place(harness)
    harness.lose_response(harness.wiring.order_table(), "UpdateItem", then=lambda: assert_erased(harness, order_id))
    answer = patch(harness, order_id, {"status": "cancelled"})
    assert (answer.status, answer.json["status"]) == (200, "cancelled")


def test_an_erasure_whose_response_was_lost_is_answered_as_done(harness: ServiceHarness) -> None:
    order_id = place(harness)
    harness.lose_response(harness.wiring.order_table(), "PutItem")
    assert_erased(harness, order_id)
    assert version_of(harness, order_id) == 2


def test_after_many_other_writes_the_response_leaves_open_whether_a_change_was_made(harness: ServiceHarness) -> None:
    order_id = place(harness)
    harness.lose_response(harness.wiring.order_table(), "UpdateItem", then=others_write(harness, order_id, 4))
    answer = patch(harness, order_id, {"note": "own"}, '"1"')
    assert (answer.status, answer.problem, answer.headers["Retry-After"]) == (503, "unavailable", "1")
    assert "may have taken effect" in answer.json["detail"]


@pytest.mark.parametrize("others", [1, 4])
@pytest.mark.parametrize("failure", [unreachable, timed_out], ids=lambda failure: failure.__name__)
def test_a_change_that_was_not_made_and_was_overtaken_is_refused(
    harness: ServiceHarness, failure: Callable[[], Exception], others: int
) -> None:
    order_id = place(harness)
    failed: list[bool] = []

    def fail_once(_sent: str) -> Exception | None:
        if failed:
            return None
        failed.append(True)
        others_write(harness, order_id, others)()
        return failure()

    harness.fail(harness.wiring.order_table(), "UpdateItem", fail_once)
    answer = patch(harness, order_id, {"note": "own"}, '"1"')
    assert (answer.status, answer.problem) == (412, "precondition-failed")
    assert harness.api().get(f"/orders/{order_id}").json["note"] == f"other {others - 1}"
