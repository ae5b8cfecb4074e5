"""Every error response: application/problem+json (RFC 9457)."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from chalice.app import Chalice, Request, Response

from chalicelib import logs
from chalicelib.domain import errors, order_ids
from chalicelib.domain.errors import OrdersError, Violation
from chalicelib.http import problem_document, responses
from chalicelib.http.cors import Origins

logger = logging.getLogger("orders")

_FRAMEWORK_SLUGS = {
    405: "method-not-allowed",
    413: "content-too-large",
    415: "unsupported-media-type",
    500: "internal-server-error",
}
_NO_HEADERS: Mapping[str, str] = {}
Routes = Mapping[str, Mapping[str, Any]]  # path -> method -> Chalice's RouteEntry


class Problem(Exception):
    """A refused request: the status and headers of the response, and the members of its problem document."""

    def __init__(
        self,
        slug: str,
        status: int,
        detail: str,
        *,
        headers: Mapping[str, str] = _NO_HEADERS,
        violations: Sequence[Violation] = (),
        **extra: Any,
    ) -> None:
        self.slug, self.status, self.detail = slug, status, detail
        self.headers, self.violations, self.extra = headers, violations, extra
        super().__init__(f"{status} {slug}: {detail}")


def invalid_parameter(detail: str) -> Problem:
    """The problem of a header or a query parameter that cannot be read."""
    return Problem("invalid-parameter", 400, detail)


_PROBLEMS: dict[type[OrdersError], tuple[str, int, str | None]] = {
    errors.InvalidOrder: ("invalid-order", 422, "See errors"),
    errors.OrderNotFound: ("not-found", 404, "There is no such order"),
    errors.OrderErased: ("gone", 410, "This order's data was erased"),
    errors.NotYetStored: ("not-yet-stored", 409, "Ask again in a moment"),
    errors.KeyReused: ("idempotency-key-reused", 422, "Use a new key for a new order"),
    errors.IllegalTransition: ("conflict", 409, None),
    errors.NotChangeable: ("conflict", 409, None),
    errors.NotPermitted: ("forbidden", 403, None),
    errors.VersionConflict: ("precondition-failed", 412, "The order has changed: read it again before you change it"),
    errors.Fault: ("unavailable", 503, "A dependency failed. Nothing was changed."),
    errors.Poison: ("internal-server-error", 500, "Try again"),
}


def from_error(error: OrdersError) -> Problem:
    """The problem that reports an error of the domain."""
    slug, status, detail = _PROBLEMS[type(error)]
    extra: dict[str, Any] = {}
    if isinstance(error, errors.Fault) and error.may_have_taken_effect:
        detail = "A dependency did not respond; the request may have taken effect."
    if isinstance(error, errors.IllegalTransition | errors.NotChangeable):
        extra = {"current_status": error.current, "allowed_statuses": error.allowed}
    return Problem(
        slug,
        status,
        detail or str(error),
        headers=responses.RETRY_SOON if _is_temporary(error) else _NO_HEADERS,
        violations=getattr(error, "violations", ()),
        **extra,
    )


def _is_temporary(error: OrdersError) -> bool:
    if isinstance(error, errors.OrderNotFound):
        # Decided by the form of the id alone, so that the header does not reveal another customer's order.
        return order_ids.is_unsealed(str(error))
    return isinstance(error, errors.NotYetStored | errors.Fault)


def response(problem: Problem, request: Request) -> Response:
    instance = responses.request_id(request)
    headers = {"Content-Type": problem_document.CONTENT_TYPE, **problem.headers}
    return responses.response(request, json.dumps(document(problem, instance)), problem.status, headers)


def document(problem: Problem, instance: str) -> dict[str, Any]:
    """The problem's document, as JSON values; `instance` is the request's id."""
    return problem_document.document(
        problem.slug, problem.status, problem.detail, instance, violations=problem.violations, **problem.extra
    )


def response_or_problem(endpoint: Callable[..., Response], request: Request, path: Mapping[str, str]) -> Response:
    """An endpoint's response, or a problem for the error that it raises. Chalice would answer 500 for every error."""
    try:
        return endpoint(request, **_decoded(path))
    except Problem as problem:
        return _refuse(problem, request)
    except OrdersError as error:
        if not isinstance(error, errors.Fault | errors.Poison):
            return _refuse(from_error(error), request)
        logger.exception("request.failed", extra={"correlation_id": responses.request_id(request)})
        return response(from_error(error), request)


def _decoded(path: Mapping[str, str]) -> Mapping[str, str]:
    """The path's parameters without percent-encoding.

    API Gateway's documentation does not say whether it has decoded them. No id has a percent sign of its own, so
    decoding twice changes nothing.
    """
    return {name: unquote(value) for name, value in path.items()} if path else path


def _refuse(problem: Problem, request: Request) -> Response:
    logs.log(
        "request.refused",
        problem=problem.slug,
        status=problem.status,
        resource=request.context.get("resourcePath"),
        correlation_id=responses.request_id(request),
    )
    return response(problem, request)


def complete(given: Response, request: Request, app: Chalice) -> Response:
    """Chalice's response with a problem in place of its own errors, the CORS headers, and no body for HEAD."""
    response = replace_framework_error(given, request, app.routes)
    if request.method == "HEAD":
        response.body = ""
    if isinstance(app.api.cors, Origins):
        response.headers.update(app.api.cors.headers_for(request.headers.get("origin")))
    return response


def replace_framework_error(given: Response, request: Request, routes: Routes) -> Response:
    """A problem in place of Chalice's own error response (405, 415, 500); any other response as it is."""
    if given.status_code < 400 or problem_document.CONTENT_TYPE in str(given.headers.get("Content-Type")):  # noqa: PLR2004 - RFC 9110
        return given
    slug = _FRAMEWORK_SLUGS.get(given.status_code, "bad-request")
    detail = problem_document.title(slug)
    headers = {name: str(value) for name, value in given.headers.items() if name.lower() == "allow"}
    if headers:
        detail = f"This path answers {', '.join(headers.values())}"
    if slug == "unsupported-media-type":
        accepted = routes[request.path][request.method].content_types
        detail = f"Send the header Content-Type: {' or '.join(accepted)}"
        headers["Accept"] = ", ".join(accepted)  # RFC 9110, section 15.5.16
    return response(Problem(slug, given.status_code, detail, headers=headers), request)
