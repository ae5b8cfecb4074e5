"""The types of problems that the API answers, and which of them every operation may answer."""

from collections.abc import Mapping
from typing import Any

from chalicelib.domain.errors import Violation
from chalicelib.http import problem_document
from chalicelib.http.requests import MAX_BODY_BYTES

Problems = Mapping[int, tuple[str, ...]]  # status -> slugs of problem types

# API Gateway answers these itself, and so of every operation.
ANYONES: Problems = {
    400: ("bad-request",),
    429: ("too-many-requests",),
    500: ("internal-server-error",),
    503: ("unavailable",),
}
AUTHORIZED: Problems = {
    400: ("invalid-parameter", "bad-request"),
    401: ("unauthorized",),
    403: ("forbidden",),
}
BODY: Problems = {
    400: ("malformed-json", "invalid-parameter", "bad-request"),
    413: ("content-too-large",),
    415: ("unsupported-media-type",),
}
# What each problem type means: the end of `urn:problem:orders:…`.
PROBLEMS: Mapping[str, str] = {
    "bad-request": "The request cannot be read.",
    "conflict": "The order's status does not allow this. `current_status` is that status; `allowed_statuses` lists "
    "those that the caller may ask for.",
    "content-too-large": f"A body is at most {MAX_BODY_BYTES} bytes.",
    "customer-required": "A service, and an administrator who erases an order, names its customer: `?customer_id=`.",
    "forbidden": "The token is valid, but does not allow this.",
    "gone": "The order was erased.",
    "idempotency-key-reused": "The key was used for a different order.",
    "internal-server-error": "Internal error.",
    "invalid-cursor": "The cursor was made for another caller or other filters, or was altered.",
    "invalid-order": "The order is not valid; `errors` says what is wrong, and where.",
    "invalid-parameter": "A parameter or header is not as described here, or the operation has no such parameter.",
    "malformed-json": "The body is not JSON, or has a name twice in one object.",
    "method-not-allowed": "The path has other methods; `Allow` names them.",
    "not-found": "There is no such order, or it is not the caller's.",
    "not-yet-stored": "The order was accepted and is not stored yet.",
    "precondition-failed": "The order has changed since the version of If-Match.",
    "precondition-required": "A change needs If-Match.",
    "too-many-requests": "More requests than are allowed at a time.",
    "unauthorized": "The token is missing, invalid or expired.",
    "unavailable": "A dependency did not respond; the request may have taken effect.",
    "unsupported-media-type": "The body's media type is not accepted here.",
}
# Headers of problems beside X-Request-Id, by status: those that every one has, and those of some.
HEADERS_OF_EVERY: Mapping[int, tuple[str, ...]] = {401: ("WWW-Authenticate",)}
HEADERS_OF_SOME: Mapping[int, tuple[str, ...]] = {
    404: ("Retry-After",),
    409: ("Retry-After",),
    415: ("Accept", "Accept-Encoding"),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
INSTANCE = "5c6a4a52-6ef3-4a0b-a3b5-4c8e0d9f7a11"
_CONFLICT = {
    "detail": "an order that is shipped cannot become cancelled",
    "current_status": "shipped",
    "allowed_statuses": ["delivered"],
}
_CONFLICT_OF_CONTENT = {
    "detail": "the items and adjustments of an order that is confirmed are fixed",
    "current_status": "confirmed",
    "allowed_statuses": ["cancelled", "shipped"],
}
# The examples of a type that has members beside those of all, each by its name.
_EXAMPLES: Mapping[str, Mapping[str, dict[str, Any]]] = {
    "conflict": {"conflict": _CONFLICT, "conflict-of-content": _CONFLICT_OF_CONTENT},
    "invalid-order": {"invalid-order": {"violations": [Violation("/items/0/quantity", "Must be 1 or more")]}},
}


def examples_of(slug: str, status: int) -> dict[str, dict[str, Any]]:
    """Problem documents of that type, as the service answers them, each by its name."""
    return {
        name: problem_document.document(slug, status, **{"detail": PROBLEMS[slug], "instance": INSTANCE} | members)
        for name, members in _EXAMPLES.get(slug, {slug: {}}).items()
    }


def example_of(slug: str, status: int) -> dict[str, Any]:
    """The first of them."""
    return next(iter(examples_of(slug, status).values()))
