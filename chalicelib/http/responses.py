"""Responses to requests that succeed, and what all responses have in common."""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

from chalice.app import CORSConfig, Request, Response

from chalicelib.adapters.order_table import Page
from chalicelib.application.accept import Accepted
from chalicelib.domain.orders import Order

RETRY_SOON = {"Retry-After": "1"}  # seconds


def cors(origin: str | None) -> CORSConfig | bool:
    """The CORS settings for browser clients of one origin (https://fetch.spec.whatwg.org/#http-cors-protocol)."""
    if not origin:
        return False
    return CORSConfig(
        allow_origin=origin,
        allow_headers=["Content-Type", "Authorization", "Idempotency-Key", "If-Match", "If-None-Match", "traceparent"],
        expose_headers=["ETag", "Idempotency-Replayed", "Link", "Location", "Retry-After", "X-Request-Id"],
        max_age=600,
    )


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


def erased(request: Request) -> Response:
    return response(request, "", 204, {})


def page(request: Request, found: Page, parameters: Mapping[str, str], next_cursor: str | None) -> Response:
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


def _pending(order: Accepted) -> str:
    return json.dumps({"order_id": order.order_id, "status": "accepted"})


def _path(request: Request) -> str:
    """The path as the client sees it: with API Gateway's stage in front."""
    return str(request.context["path"]).rstrip("/")
