"""Errors as problems: every error of the tree has one, and all problems have the same form."""

import json
import re
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from chalice.app import Request, Response

from chalicelib.domain import errors
from chalicelib.domain.errors import OrdersError, Violation
from chalicelib.http import problems
from chalicelib.http.problems import Problem
from testkit.lambda_events import LambdaContext, http_event

REQUEST = Request(http_event("GET", "/orders/x", request_id="request-7"), LambdaContext())
ROUTES = {"/orders/x": {"GET": SimpleNamespace(content_types=["application/json", "text/plain"])}}
ARGUMENTS = {
    errors.InvalidOrder: ([Violation("/items/0/sku", "too long")],),
    errors.IllegalTransition: ("shipped", "placed", ["delivered"]),
    errors.NotChangeable: ("the note is fixed", "shipped", ["delivered"]),
}
NOT_RAISED = {errors.OrdersError, errors.Refusal}


def tree(error: type[OrdersError] = OrdersError) -> Iterator[type[OrdersError]]:
    yield error
    for child in error.__subclasses__():
        yield from tree(child)


LEAVES = [each for each in tree() if each not in NOT_RAISED]


def an_error(kind: type[OrdersError]) -> OrdersError:
    return kind(*ARGUMENTS.get(kind, ("dynamodb: InternalName",)))


def test_the_drawn_tree_of_errors_matches_the_classes() -> None:
    drawn = set(re.findall(r"[├└]── (\w+)", errors.__doc__ or ""))
    assert drawn == {each.__name__ for each in tree()} - {"OrdersError"}


@pytest.mark.parametrize("kind", LEAVES)
def test_every_error_becomes_a_complete_problem_document(kind: type[OrdersError]) -> None:
    answer = problems.response(problems.from_error(an_error(kind)), REQUEST)
    document = json.loads(answer.body)
    assert re.fullmatch(r"urn:problem:orders:[a-z]+(-[a-z]+)*", document["type"])
    assert document["title"]
    assert document["detail"]
    assert document["status"] == answer.status_code
    assert document["instance"] == answer.headers["X-Request-Id"] == "request-7"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.status_code < 500 or issubclass(kind, errors.Fault | errors.Poison)
    assert all(isinstance(value, str) for value in answer.headers.values())


@pytest.mark.parametrize(
    ("kind", "slug", "status"),
    [
        (errors.InvalidOrder, "invalid-order", 422),
        (errors.OrderNotFound, "not-found", 404),
        (errors.OrderErased, "gone", 410),
        (errors.NotYetStored, "not-yet-stored", 409),
        (errors.KeyReused, "idempotency-key-reused", 422),
        (errors.IllegalTransition, "conflict", 409),
        (errors.NotChangeable, "conflict", 409),
        (errors.NotPermitted, "forbidden", 403),
        (errors.VersionConflict, "precondition-failed", 412),
        (errors.Fault, "unavailable", 503),
    ],
)
def test_an_error_has_its_own_status(kind: type[OrdersError], slug: str, status: int) -> None:
    problem = problems.from_error(an_error(kind))
    assert (problem.slug, problem.status) == (slug, status)


@pytest.mark.parametrize("kind", LEAVES)
def test_only_temporary_errors_have_retry_after(kind: type[OrdersError]) -> None:
    retried = "Retry-After" in problems.response(problems.from_error(an_error(kind)), REQUEST).headers
    assert retried is (kind in {errors.Fault, errors.NotYetStored})


@pytest.mark.parametrize(("digit", "retried"), [("0", True), ("f", True), ("g", False), ("z", False), ("F", False)])
def test_a_404_has_retry_after_if_the_id_may_be_a_uuid_of_direct_acceptance(digit: str, *, retried: bool) -> None:
    """Direct acceptance makes an order's id of the client's UUID, and no read can find it until it is stored."""
    assert ("Retry-After" in problems.from_error(errors.OrderNotFound("ord_" + digit * 32)).headers) is retried


@pytest.mark.parametrize("kind", [errors.Fault, errors.Poison, errors.OrderNotFound, errors.KeyReused])
def test_a_problem_names_nothing_internal(kind: type[OrdersError]) -> None:
    assert "InternalName" not in problems.response(problems.from_error(an_error(kind)), REQUEST).body


def test_violations_have_their_places() -> None:
    document = json.loads(problems.response(problems.from_error(an_error(errors.InvalidOrder)), REQUEST).body)
    assert document["errors"] == [{"pointer": "/items/0/sku", "detail": "too long"}]


@pytest.mark.parametrize("kind", [errors.IllegalTransition, errors.NotChangeable])
def test_every_conflict_says_which_status_the_order_has_and_which_may_follow(kind: type[OrdersError]) -> None:
    document = json.loads(problems.response(problems.from_error(an_error(kind)), REQUEST).body)
    assert (document["current_status"], document["allowed_statuses"]) == ("shipped", ["delivered"])


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 415, 429, 500, 502, 503])
def test_the_frameworks_own_errors_become_problems(status: int) -> None:
    own = Response({"Code": "Secret", "Message": "Internal"}, {"Allow": "GET", "X-Own": "1"}, status)
    answer = problems.replace_framework_error(own, REQUEST, ROUTES)
    document = json.loads(answer.body)
    assert (answer.status_code, document["status"], answer.headers["Allow"]) == (status, status, "GET")
    assert "Secret" not in answer.body
    assert "X-Own" not in answer.headers


def test_a_wrong_media_type_is_told_the_right_ones() -> None:
    answer = problems.replace_framework_error(Response("", {}, 415), REQUEST, ROUTES)
    assert json.loads(answer.body)["detail"] == "Send the header Content-Type: application/json or text/plain"
    assert answer.headers["Accept"] == "application/json, text/plain"


def test_the_slug_of_a_problem_is_the_same_on_every_python() -> None:
    """HTTPStatus renames its phrases: 413 is "Request Entity Too Large" up to Python 3.12 and not after."""
    answer = problems.replace_framework_error(Response("", {}, 413), REQUEST, ROUTES)
    assert json.loads(answer.body)["type"] == "urn:problem:orders:content-too-large"


@pytest.mark.parametrize("status", [200, 202, 204, 304])
def test_other_responses_stay_unchanged(status: int) -> None:
    own = Response("", {}, status)
    assert problems.replace_framework_error(own, REQUEST, ROUTES) is own


def test_a_problem_is_not_rewritten() -> None:
    own = problems.response(Problem("not-found", 404, "x"), REQUEST)
    assert problems.replace_framework_error(own, REQUEST, ROUTES) is own
