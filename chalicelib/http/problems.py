"""Every answer that is not a success: application/problem+json (RFC 9457)."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalice.app import Request, Response

from chalicelib import logs
from chalicelib.domain import errors, order_ids
from chalicelib.domain.errors import OrdersError, Violation
from chalicelib.http import responses

logger = logging.getLogger("orders")

View = Callable[..., Response]
_FRAMEWORK_SLUGS = {
    405: "method-not-allowed",
    413: "content-too-large",
    415: "unsupported-media-type",
    500: "internal-server-error",
}
RETRY_SOON = {"Retry-After": "1"}
_NO_HEADERS: Mapping[str, str] = {}


class Problem(Exception):
    """A refusal that HTTP itself gives the reason for."""

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


_PROBLEMS: dict[type[OrdersError], tuple[str, int, str | None]] = {
    errors.InvalidOrder: ("invalid-order", 422, "See errors"),
    errors.OrderNotFound: ("not-found", 404, "There is no such order"),
    errors.OrderErased: ("gone", 410, "This order's data was erased"),
    errors.NotYetStored: ("not-yet-stored", 409, "Ask again in a moment"),
    errors.KeyReused: ("idempotency-key-reused", 422, "Use a new key for a new order"),
    errors.IllegalTransition: ("conflict", 409, None),
    errors.NotChangeable: ("conflict", 409, None),
    errors.NotPermitted: ("forbidden", 403, None),
    errors.VersionConflict: ("precondition-failed", 412, "Read the order again, then decide again"),
    errors.Fault: ("unavailable", 503, "Try again"),
    errors.Poison: ("internal-server-error", 500, "Try again"),
}


def of(error: OrdersError) -> Problem:
    """Say in HTTP's terms what the domain refused."""
    slug, status, detail = _PROBLEMS[type(error)]
    extra: dict[str, Any] = {}
    if isinstance(error, errors.IllegalTransition):
        extra = {"current_status": error.current, "allowed_statuses": error.allowed}
    return Problem(
        slug,
        status,
        detail or str(error),
        headers=RETRY_SOON if _passes(error) else _NO_HEADERS,
        violations=getattr(error, "violations", ()),
        **extra,
    )


def _passes(error: OrdersError) -> bool:
    if isinstance(error, errors.OrderNotFound):  # by the id's form alone: who may not know of an order learns nothing
        return order_ids.is_unsealed(str(error))
    return isinstance(error, errors.NotYetStored | errors.Fault)


def title(slug: str) -> str:
    return slug.replace("-", " ").capitalize()


def response(problem: Problem, request: Request) -> Response:
    request_id = responses.request_id(request)
    body: dict[str, Any] = {
        "type": f"urn:problem:orders:{problem.slug}",
        "title": title(problem.slug),
        "status": problem.status,
        "detail": problem.detail,
        "instance": request_id,
        **problem.extra,
    }
    if problem.violations:
        body["errors"] = [{"pointer": each.pointer, "detail": each.detail} for each in problem.violations]
    headers = {"Content-Type": "application/problem+json", **problem.headers}
    return responses.answer(request, json.dumps(body), problem.status, headers)


def answered(view: View, request: Request, path: Mapping[str, str]) -> Response:
    """A view's answer, or the problem for what it raises: Chalice would make that its own 500."""
    try:
        return view(request, **path)
    except Problem as problem:
        return _refused(problem, request)
    except OrdersError as error:
        if not isinstance(error, errors.Fault | errors.Poison):
            return _refused(of(error), request)
        logger.exception("request.failed", extra={"correlation_id": responses.request_id(request)})
        return response(of(error), request)


def _refused(problem: Problem, request: Request) -> Response:
    logs.tell(
        "request.refused",
        problem=problem.slug,
        status=problem.status,
        resource=request.context.get("resourcePath"),
        correlation_id=responses.request_id(request),
    )
    return response(problem, request)


def rewritten(answer: Response, request: Request) -> Response:
    """The framework's own error answer (405, 415, 500) as a problem; any other answer as it is."""
    if answer.status_code < 400 or "problem+json" in str(answer.headers.get("Content-Type")):  # noqa: PLR2004 - RFC 9110
        return answer
    slug = _FRAMEWORK_SLUGS.get(answer.status_code, "bad-request")
    allow = {name: str(value) for name, value in answer.headers.items() if name.lower() == "allow"}
    return response(Problem(slug, answer.status_code, title(slug), headers=allow), request)
