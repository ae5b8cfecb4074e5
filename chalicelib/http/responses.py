"""Responses to requests that succeed, and what all responses have in common."""

import functools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlencode

from chalice.app import Request, Response

from chalicelib.application.accept import Accepted
from chalicelib.domain.orders import ErasedOrder, Order, OrderStatus

if TYPE_CHECKING:
    from chalicelib.adapters.order_table import Page
    from chalicelib.application.read_many import Found

_PLAIN_PATH = re.compile("[A-Za-z0-9/._~-]*")
RETRY_SOON = {"Retry-After": "1"}  # seconds
# Of a body. A Lambda function's response is at most 6 MB, and holds the body as a JSON text, of up to twice the length.
# One order is never longer.
_MOST_CHARACTERS = 3_000_000


def request_id(request: Request) -> str:
    """API Gateway's id of the request; the id of the Lambda invocation where there is no gateway."""
    return str(request.context.get("requestId") or getattr(request.lambda_context, "aws_request_id", "-"))


def response(request: Request, body: str, status: int, headers: Mapping[str, str]) -> Response:
    return Response(
        body=body,
        status_code=status,
        headers={
            "Content-Type": "application/json",
            "Cache-Control": "no-store",  # orders are personal
            "X-Content-Type-Options": "nosniff",
            "X-Request-Id": request_id(request),
            **headers,
        },
    )


def accepted(request: Request, order: Accepted, customer_id: str | None) -> Response:
    """202: the order is on its way. Where a service named a customer, `Location` names it too."""
    query = f"?{urlencode({'customer_id': customer_id})}" if customer_id else ""
    headers = {"Location": f"{_path(request)}/{order.order_id}{query}", **RETRY_SOON}
    if order.replayed:
        headers["Idempotency-Replayed"] = "true"
    return response(request, _pending(order), 202, headers)


def order(request: Request, found: Order | Accepted, known_versions: frozenset[int] | None = frozenset()) -> Response:
    """200; or 304 when the client has this version already (known_versions None: it has any version)."""
    if isinstance(found, Accepted):
        return response(request, _pending(found), 200, RETRY_SOON)
    etag = {"ETag": f'"{found.version}"'}
    if known_versions is None or found.version in known_versions:
        return response(request, "", 304, etag)
    return response(request, json.dumps(found.shown()), 200, etag)


def orders(request: Request, asked: Sequence[str], found: "Iterable[tuple[str, Found]]") -> Response:
    """200: the orders that were found, and the ids of those that were not.

    The response is limited in size. Ids of orders that have no more room are `remaining`, and can be asked for again.
    """
    shown: dict[str, str] = {}
    missing: dict[str, str] = {}
    size = 0
    for order_id, each in found:
        text = json.dumps(order_id) if each is None else _in_bulk(each)
        size += len(text)
        if size > _MOST_CHARACTERS:
            break
        (missing if each is None else shown)[order_id] = text
    answered = {**shown, **missing}
    remaining = (json.dumps(order_id) for order_id in dict.fromkeys(asked) if order_id not in answered)
    parts = {
        "orders": (shown[order_id] for order_id in dict.fromkeys(asked) if order_id in shown),
        "missing": missing.values(),
        "remaining": remaining,
    }
    body = ", ".join(f'"{name}": [{", ".join(texts)}]' for name, texts in parts.items())
    return response(request, f"{{{body}}}", 200, {})


def _in_bulk(order: Order | Accepted | ErasedOrder) -> str:
    if isinstance(order, Order):
        return json.dumps(order.shown())
    status = "accepted" if isinstance(order, Accepted) else OrderStatus.ERASED.value
    return json.dumps({"order_id": order.order_id, "status": status})


def erased(request: Request) -> Response:
    return response(request, "", 204, {})


def page(request: Request, found: "Page", parameters: Mapping[str, str], next_cursor: str | None) -> Response:
    headers = {}
    if next_cursor is not None:
        query = urlencode({**parameters, "cursor": next_cursor})
        headers["Link"] = f'<{_path(request)}?{query}>; rel="next"'
    return response(request, json.dumps({"orders": found.orders, "next_cursor": next_cursor}), 200, headers)


def openapi(request: Request) -> Response:
    """The OpenAPI document that `ordersctl openapi` wrote: docs/adr/0007-the-openapi-document-is-a-file.md."""
    return response(request, _document(), 200, {"Cache-Control": "public, max-age=300"})


@functools.cache
def _document() -> str:
    return Path(__file__).with_name("openapi.json").read_text(encoding="utf-8")


def healthy(request: Request, stage: str) -> Response:
    """200, without a call to AWS."""
    return response(request, json.dumps({"status": "ok", "service": "orders", "stage": stage}), 200, {})


def index(request: Request, stage: str) -> Response:
    """Where to begin: the API's description, with the link that RFC 8631 names for it. No call to AWS."""
    openapi, health = (f"{_path(request)}/{name}" for name in ("openapi.json", "health"))
    content = {"service": "orders", "stage": stage, "openapi": openapi, "health": health}
    return response(request, json.dumps(content), 200, {"Link": f'<{openapi}>; rel="service-desc"'})


def _pending(order: Accepted) -> str:
    return json.dumps({"order_id": order.order_id, "status": "accepted"})


def _path(request: Request) -> str:
    """The path as a client writes it, percent-encoded, and with API Gateway's stage in front."""
    # API Gateway's documentation does not say whether it has decoded the path. No id has a percent sign of its own.
    path = str(request.context["path"]).rstrip("/")
    return path if _PLAIN_PATH.fullmatch(path) else quote(unquote(path))
