"""Reading a request: body, headers, query. Every function raises Problem for input that it cannot accept."""

import json
import math
import re
from datetime import datetime
from typing import Any, NoReturn

from chalice.app import MultiDict, Request

from chalicelib.domain import clock
from chalicelib.domain.commands import TRACEPARENT_PATTERN
from chalicelib.domain.orders import OrderStatus
from chalicelib.domain.request_context import RequestContext
from chalicelib.http import responses
from chalicelib.http.auth.principal import Principal
from chalicelib.http.problems import Problem

MAX_BODY_BYTES = 240 * 1024  # what is added to an order must still fit into the limits of SNS and of a DynamoDB item
MAX_PAGE = 100
_DEFAULT_PAGE = 20
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_QUOTED_KEY = re.compile(r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')  # RFC 8941, section 3.3.3
_ETAGS = re.compile(r'\s*(W/)?"[\x21\x23-\x7e]*"(\s*,\s*(W/)?"[\x21\x23-\x7e]*")*\s*')  # RFC 9110, section 8.8.3
_OUR_ETAG = re.compile(r'(W/)?"([1-9][0-9]{0,17})"')
_PAGE_SIZE = re.compile(r"[1-9][0-9]{0,2}")
_TRACEPARENT = re.compile(TRACEPARENT_PATTERN)
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})")


def principal(request: Request, scope: str, *, customer_claim: str) -> Principal:
    """The caller, whose token must have the scope; `customer_claim` is the claim that names the customer."""
    caller = Principal.from_authorizer(request.context.get("authorizer", {}), customer_claim=customer_claim)
    caller.require(scope)
    return caller


def named_customer(request: Request) -> str | None:
    """The customer whom the query names, as it stands there: a Principal's methods check it. No other parameter."""
    return query(request, "customer_id").get("customer_id")


def json_body(request: Request) -> Any:
    """The body as a JSON value: strict RFC 8259, and no name twice in an object."""
    raw = request.raw_body
    raw = raw.encode() if isinstance(raw, str) else raw
    if len(raw) > MAX_BODY_BYTES:
        raise Problem("content-too-large", 413, f"A body is at most {MAX_BODY_BYTES} bytes")
    try:
        return _decoder.decode(raw.decode())
    except RecursionError:
        raise Problem("malformed-json", 400, "Nested too deeply") from None
    except json.JSONDecodeError as error:
        raise Problem("malformed-json", 400, str(error)) from None
    except ValueError as error:  # bad UTF-8, or refused by one of the decoder's hooks
        raise Problem("malformed-json", 400, str(error)[:200]) from None


def idempotency_key(request: Request) -> str | None:
    """The Idempotency-Key, bare or as a quoted string (IETF draft-ietf-httpapi-idempotency-key-header)."""
    value = request.headers.get("idempotency-key")
    if value is None:
        return None
    if quoted := _QUOTED_KEY.fullmatch(value):
        value = re.sub(r"\\(.)", r"\1", quoted[1])
    if not _KEY.fullmatch(value):
        raise _invalid("Idempotency-Key is 1 to 255 visible ASCII characters")
    return value


def context(request: Request, now: str) -> RequestContext:
    """What the service records of a request; `now` is the time of its arrival (RFC 3339)."""
    return RequestContext(now, responses.request_id(request), traceparent(request))


def traceparent(request: Request) -> str | None:
    """The trace that the request belongs to (W3C Trace Context); a malformed header is ignored."""
    value = request.headers.get("traceparent", "")
    _, trace_id, parent_id, *_ = f"{value}--".split("-")
    return value if _TRACEPARENT.fullmatch(value) and trace_id.strip("0") and parent_id.strip("0") else None


def if_match(request: Request) -> frozenset[int] | None:
    """The versions of which the client permits a change; None is any (RFC 9110, section 13.1.1)."""
    value = request.headers.get("if-match")
    if value is None:
        raise Problem("precondition-required", 428, "Send the ETag that you saw as If-Match, or * for any")
    if value.strip() != "*" and not _ETAGS.fullmatch(value):
        raise _invalid("If-Match is a list of ETags, or *")
    return _versions(value, weak=False)


def if_none_match(request: Request) -> frozenset[int] | None:
    """The versions that the client has already; None is any (RFC 9110, section 13.1.2)."""
    return _versions(request.headers.get("if-none-match") or "", weak=True)


def _versions(value: str, *, weak: bool) -> frozenset[int] | None:
    if value.strip() == "*":
        return None
    # An ETag that this service did not make matches no version.
    return frozenset(int(tag[2]) for tag in _OUR_ETAG.finditer(value) if weak or not tag[1])


def query(request: Request, *known: str) -> dict[str, str]:
    """The query parameters. Unknown and repeated ones are refused."""
    given = request.query_params or MultiDict({})
    for name in given:
        if name not in known:
            raise _invalid(f"There is no parameter {name[:64]!r} here")
        if len(given.getlist(name)) > 1:
            raise _invalid(f"{name} is given more than once")
    return dict(given)


def page_size(given: str | None) -> int:
    if given is None:
        return _DEFAULT_PAGE
    if not _PAGE_SIZE.fullmatch(given) or int(given) > MAX_PAGE:
        raise _invalid(f"limit is 1 to {MAX_PAGE}")
    return int(given)


def status(given: str | None) -> OrderStatus | None:
    if given is None:
        return None
    try:
        return OrderStatus(given)
    except ValueError:
        raise _invalid(f"status is one of {', '.join(OrderStatus)}") from None


def timestamp(name: str, given: str | None) -> str | None:
    """A time of RFC 3339, in the form in which this service writes times."""
    if given is None:
        return None
    try:
        if not _TIME.fullmatch(given):
            raise ValueError(given)
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise _invalid(f"{name} is a time like 2026-01-31T12:00:00Z (RFC 3339)") from None
    try:
        return clock.rfc3339(moment)
    except OverflowError:  # the year in UTC is 0 or 10000
        return "0001-01-01T00:00:00.000Z" if moment.year == 1 else "9999-12-31T23:59:59.999Z"


def _invalid(detail: str) -> Problem:
    return Problem("invalid-parameter", 400, detail)


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("an object contains the same name twice")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _exact(text: str) -> float:
    """A number, refused where a float would be a different whole number: 1e-400 is not 0."""
    from decimal import Decimal  # noqa: PLC0415 - a number with a point or an exponent is rare in an order

    number = float(text)
    try:
        if math.isinf(number) or (number.is_integer() and Decimal(text) != number):
            raise ValueError("a number beyond what can be represented")
    except ArithmeticError:  # an exponent beyond what Decimal takes
        raise ValueError("a number beyond what can be represented") from None
    return number


# The standard library's decoder: pydantic_core.from_json is faster, but takes the last of two equal names, and reads
# 1e400 as infinity (docs/adr/0003-bodies-are-parsed-once-and-strictly.md).
_decoder = json.JSONDecoder(object_pairs_hook=_unique_names, parse_constant=_no_constant, parse_float=_exact)
