"""Reading a request: body, headers, query. Every function raises Problem for input that it cannot accept."""

import json
import math
import re
from typing import Any, NoReturn

from chalice.app import MultiDict, Request

from chalicelib.domain.commands import TRACEPARENT_PATTERN
from chalicelib.domain.orders import MAX_ORDER_BYTES
from chalicelib.domain.request_context import RequestContext
from chalicelib.http import responses
from chalicelib.http.auth.principal import Principal
from chalicelib.http.problems import Problem, invalid_parameter
from chalicelib.settings import Settings

MAX_BODY_BYTES = MAX_ORDER_BYTES
MAX_IDS = 100  # that one request names
_BOM = b"\xef\xbb\xbf"  # a byte order mark, which RFC 8259, section 8.1, lets a reader ignore
_BARE_KEY = r"[\x21\x23-\x7e][\x21-\x7e]{0,254}"
_CHARACTER = r'(?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])'  # of a string of RFC 8941, section 3.3.3
_PARAMETER = rf'; *[a-z*][a-z0-9_.*-]*(?:=(?:"{_CHARACTER}*"|[\x21\x23-\x2b\x2d-\x3a\x3c-\x7e]+))?'  # section 3.1.2
KEY_PATTERN = rf'^(?:{_BARE_KEY}|"({_CHARACTER}{{1,255}})"(?:{_PARAMETER})*)$'
_KEY = re.compile(KEY_PATTERN)
_TRACEPARENT = re.compile(TRACEPARENT_PATTERN)


def principal(request: Request, scope: str, settings: Settings) -> Principal:
    """The caller, whose token must have the scope; the settings say which claims are the customer's and the scopes'."""
    if _is_repeated(request, "authorization"):  # which of the two was checked is not known here
        detail = "Authorization is sent more than once: send it once"
        raise Problem("unauthorized", 401, detail, headers={"WWW-Authenticate": "Bearer"})
    caller = Principal.from_authorizer(
        request.context.get("authorizer", {}),
        customer_claim=settings.customer_claim,
        scope_claim=settings.scope_claim,
    )
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
        return _decoder.decode(raw.removeprefix(_BOM).decode())
    except RecursionError:
        raise Problem("malformed-json", 400, "Nested too deeply") from None
    except UnicodeDecodeError:
        raise _malformed(request, "The body is not UTF-8 text") from None
    except ValueError as error:  # not JSON, or refused by one of the decoder's hooks
        has_many_digits = "int_max_str_digits" in str(error)  # Python's own words for an integer of 4,300 and more
        detail = "A number has too many digits" if has_many_digits else str(error)[:200]
        if not raw:
            detail = "The body is empty: send JSON"
        raise _malformed(request, detail) from None


def _malformed(request: Request, detail: str) -> Problem:
    # API Gateway decompresses bodies. Whether it then removes the header is not documented: the body itself shows it.
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        detail = "The body could not be decompressed: send it uncompressed"
        return Problem("unsupported-media-type", 415, detail, headers={"Accept-Encoding": "identity"})
    return Problem("malformed-json", 400, detail)


def idempotency_key(request: Request) -> str | None:
    """The Idempotency-Key, bare or as a quoted string (IETF draft-ietf-httpapi-idempotency-key-header).

    Parameters of a quoted string have no meaning here, and are ignored (RFC 8941, section 3.1.2).
    """
    value = request.headers.get("idempotency-key")
    if value is None:
        return None
    if _is_repeated(request, "idempotency-key"):
        raise invalid_parameter("Idempotency-Key is sent more than once")
    if not (key := _KEY.fullmatch(value)):
        raise invalid_parameter(
            "Idempotency-Key is 1 to 255 visible ASCII characters, or such a text, with spaces, in quotes"
        )
    return value if key[1] is None else re.sub(r"\\(.)", r"\1", key[1])


def _is_repeated(request: Request, header: str) -> bool:
    given = request.to_original_event().get("multiValueHeaders") or {}
    if max(map(len, given.values()), default=0) <= 1:  # nearly every request, and done without a loop of ours
        return False
    return header in [name.lower() for name, values in given.items() if len(values) > 1]


def context(request: Request, now: str) -> RequestContext:
    """What the service records of a request; `now` is the time of its arrival (RFC 3339)."""
    return RequestContext(now, responses.request_id(request), traceparent(request))


def traceparent(request: Request) -> str | None:
    """The trace that the request belongs to (W3C Trace Context); a malformed header is ignored."""
    value = request.headers.get("traceparent", "")
    _, trace_id, parent_id, *_ = f"{value}--".split("-")
    return value if _TRACEPARENT.fullmatch(value) and trace_id.strip("0") and parent_id.strip("0") else None


def query(request: Request, *known: str, repeatable: str = "") -> dict[str, str]:
    """The query parameters. Unknown and repeated ones are refused, but for the one that is repeatable."""
    given = request.query_params or MultiDict({})
    for name in given:
        if name == repeatable:
            continue
        if name not in known:
            there_are = ", ".join([*known, repeatable] if repeatable else known)
            raise invalid_parameter(f"There is no parameter {name[:64]!r} here; there are: {there_are}")
        if len(given.getlist(name)) > 1:
            raise invalid_parameter(f"{name} is given more than once")
    return dict(given)


def order_ids_and_customer(request: Request) -> tuple[list[str], str | None]:
    """The orders that the query names, and the customer as named_customer has it."""
    customer_id = query(request, "customer_id", repeatable="order_id").get("customer_id")
    parameters = request.query_params or MultiDict({})
    given: list[str] = parameters.getlist("order_id") if "order_id" in parameters else []
    if not 1 <= len(given) <= MAX_IDS:
        raise invalid_parameter(
            f"Name 1 to {MAX_IDS} orders: ?order_id=ID&order_id=ID. To list orders: /customers/{{customer_id}}/orders"
        )
    if "," in "".join(given):  # no id has one: the client meant several
        raise invalid_parameter("Give order_id once for each order: ?order_id=ID&order_id=ID")
    return given, customer_id


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
