"""What a refused request is told: each wrong value in each field, in words of the API, which say what to send."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic_core._pydantic_core import list_all_errors  # its only place

from chalicelib.domain.orders import OWNER_MAY_ASK_FOR, TRANSITIONS, NewOrder, OrderContent
from testkit.builders import full_document, new_order
from tests.service.harness import ServiceHarness
from tests.service.test_change import patch, place

WRONG: list[Any] = [
    *(None, True, 2.55, "2,55", "", [], {}, -(10**13), 10**13, "x" * 3_000, "\x00", "\ud800", {"\ud800": 1}, {"a": 1}),
    *([1], ["x"], [[]], ["x"] * 3_000, {str(number): "x" for number in range(60)}, {"": "x"}, {"x\x00": "x"}),
]
# How pydantic's own texts begin, and what names a pattern, a type of Python's, or a class of this service's.
_TEMPLATES = (each["message_template_python"] for each in list_all_errors())
PYDANTIC = {found[0].strip() for each in _TEMPLATES if (found := re.match(r"[^{]{8,}", each))}
TECHNICAL = re.compile(
    r"Input should|pattern|\[\^|\\x|dict|tuple|instance|\bint\b|\bstr\b|\bNone\b|\bTrue\b|[a-z][A-Z]"
)
A_WHOLE_AMOUNT = "Must be a whole number of minor units: 255 for GBP 2.55"

Place = tuple[str | int, ...]


def places(value: Any, place: Place = ()) -> Iterator[Place]:
    """Each place of a JSON document, the whole first."""
    yield place
    within = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in within:
        yield from places(each, (*place, name))


def with_value(document: Any, place: Place, value: Any) -> Any:
    if not place:
        return value
    changed = copy.deepcopy(document)
    parent = changed
    for name in place[:-1]:
        parent = parent[name]
    parent[place[-1]] = value
    return changed


def assert_in_the_apis_words(refusal: Any, sent: str) -> None:
    for error in refusal["errors"]:
        detail = error["detail"].removeprefix("A name in it is wrong: ")
        assert not any(detail.startswith(each) for each in PYDANTIC), (sent, error)
        assert not TECHNICAL.search(detail), (sent, error)


NEW, CONTENT = full_document(NewOrder), full_document(OrderContent, flags=False)


def test_no_text_of_pydantic_is_answered_to_a_new_order(harness: ServiceHarness) -> None:
    for place_ in places(NEW):
        answers = []
        for value in WRONG:
            answer = harness.api().post("/orders", sent := json.dumps(with_value(NEW, place_, value)))
            assert answer.status in {202, 422}, (sent, answer)
            if answer.status == 422:
                assert_in_the_apis_words(answer.json, sent)
            answers.append(answer.status)
        assert 422 in answers, place_


def test_no_text_of_pydantic_is_answered_to_a_change(harness: ServiceHarness) -> None:
    order_id = place(harness)
    for document in (CONTENT, {"status": "cancelled", "status_reason": "x"}):
        for place_ in places(document):
            for value in WRONG:
                answer = patch(harness, order_id, sent := json.dumps(with_value(document, place_, value)))
                assert answer.status in {200, 409, 422}, (sent, answer)  # 409: it is cancelled already
                if answer.status == 422:
                    assert_in_the_apis_words(answer.json, sent)


def errors_of(harness: ServiceHarness, order: Any) -> dict[str, str]:
    return {each["pointer"]: each["detail"] for each in harness.api().post("/orders", order).json["errors"]}


@pytest.mark.parametrize("value", [2.55, "2,55", "255", None, True])
def test_each_amount_is_told_in_what_unit_it_is_sent(harness: ServiceHarness, value: Any) -> None:
    line = {"sku": "a", "quantity": value, "unit_price": value}
    found = errors_of(harness, new_order(items=[line], adjustments=[{"type": "shipping", "amount": value}]))
    assert found == {
        "/items/0/quantity": "Must be a whole number",
        "/items/0/unit_price": A_WHOLE_AMOUNT,
        "/adjustments/0/amount": A_WHOLE_AMOUNT,
    }


def test_what_is_missing_unknown_or_out_of_bounds_is_told(harness: ServiceHarness) -> None:
    order = {"items": [{"sku": "", "quantity": 0, "unit_price": 10**12 + 1}], "total": 1, "note": 1}
    assert errors_of(harness, order) == {
        "/currency": "This field is required",
        "/items/0/sku": "Must have at least 1 character",
        "/items/0/quantity": "Must be 1 or more",
        "/items/0/unit_price": "Must be 1000000000000 or less",
        "/note": "Must be a string",
        "/total": "There is no such field: leave it out",
    }


def test_a_status_is_told_which_a_client_may_set(harness: ServiceHarness) -> None:
    refused = patch(harness, place(harness), {"status": "canceled"})
    (error,) = refused.json["errors"]
    assert error["detail"] == 'Must be "cancelled", or by a service "confirmed", "shipped" or "delivered"'
    first, *others = re.findall('"([a-z]+)"', error["detail"])
    assert {first} == OWNER_MAY_ASK_FOR
    assert {first, *others} == set().union(*TRANSITIONS.values())


A_TIME = "placed_after is a time like 2026-01-31T12:00:00Z (RFC 3339); write + as %2B"
PARAMETERS = [
    ("/orders", "Name 1 to 100 orders: ?order_id=ID&order_id=ID. To list orders: /customers/{customer_id}/orders"),
    ("/orders?order_id=a,b", "Give order_id once for each order: ?order_id=ID&order_id=ID"),
    ("/orders?order_id=a&order_id=b%2Cc", "Give order_id once for each order: ?order_id=ID&order_id=ID"),
    ("/orders?ids=a", "There is no parameter 'ids' here; there are: customer_id, order_id"),
    ("/customers/17850/orders?placed_after=2026-01-31T12:00:00+01:00", A_TIME),
]


@pytest.mark.parametrize(("path", "detail"), PARAMETERS)
def test_a_wrong_parameter_is_told_what_to_send(harness: ServiceHarness, path: str, detail: str) -> None:
    refused = harness.api().get(path)
    assert (refused.status, refused.problem, refused.json["detail"]) == (400, "invalid-parameter", detail)


def test_an_id_that_no_order_has_is_missing_as_it_is_not_found(harness: ServiceHarness) -> None:
    assert harness.api().get("/orders/basket-1").status == 404
    assert harness.api().get("/orders?order_id=basket-1").json["missing"] == ["basket-1"]


def test_a_version_without_quotes_is_told_that_they_are_missing(harness: ServiceHarness) -> None:
    refused = patch(harness, place(harness), json.dumps({"note": "x"}), "1")
    detail = 'If-Match is the ETag in its quotes, as in If-Match: "1"; or * for any version'
    assert (refused.status, refused.problem, refused.json["detail"]) == (400, "invalid-parameter", detail)
