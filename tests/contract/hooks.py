"""Rules of the API that JSON Schema cannot express, for schemathesis.

Each hook changes only valid requests: a request that was made invalid on purpose stays invalid.
"""

import base64
import hashlib
import json
import os
import re
from http import HTTPStatus
from typing import Any

import schemathesis
from jsonschema import Draft202012Validator

from chalicelib.domain import clock
from chalicelib.domain.errors import InvalidOrder
from chalicelib.domain.orders import CUSTOMER_ID_PATTERN, OrderContent, parse
from ordersctl.contract.openapi.operations import PARAMETERS
from ordersctl.contract.openapi.schemas import ACCEPTED, NEW_ORDER, schemas

Case = schemathesis.Case[Any]
SERVICE, ITS_CUSTOMER = "service-1", "customer-1"
_KEY = re.compile(PARAMETERS["idempotency_key"]["schema"]["pattern"])
_erased: list[str] = []
_VALID = Draft202012Validator(schemas()["Adjustment"])
_IF_MATCH = re.compile(PARAMETERS["if_match"]["schema"]["pattern"])


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: Case, **_: Any) -> None:
    del context
    _name_the_right_customer(case)
    if case.meta is not None and case.meta.phase.name != "stateful":
        _name_an_order_that_is_there(case)
    # Stateful testing uses the orders of earlier answers, and their versions.
    _drop_made_up_cursor(case.query)
    if isinstance(case.body, dict):
        _keep_total_payable(case.body)
        _keep_time_past(case.body)
        _complete_address(case.body)
    if "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = _key_of(str(case.headers["Idempotency-Key"]), case.body)


@schemathesis.hook
def after_call(context: schemathesis.HookContext, case: Case, response: schemathesis.Response) -> None:
    """Note an erasure: the key of an erased order gets 410, which would count as a valid request that is rejected."""
    del context
    if case.method == "DELETE" and response.status_code == HTTPStatus.NO_CONTENT:
        _erased.append(case.path)


def _name_the_right_customer(case: Case) -> None:
    """A customer's token opens their own orders, and a service names a customer: the schema cannot say so."""
    named = case.query.get("customer_id", ITS_CUSTOMER)
    if "/orders" not in case.path or case.path.startswith("/customers"):
        return
    if case.method == "DELETE":  # the document says that an erasure names the customer
        if "customer_id" in case.query and isinstance(named, str) and re.fullmatch(CUSTOMER_ID_PATTERN, named):
            case.query["customer_id"] = ITS_CUSTOMER
        return
    if isinstance(named, str) and re.fullmatch(CUSTOMER_ID_PATTERN, named):
        case.query.pop("customer_id", None)
        if case.auth_identity == SERVICE or "ONLY_A_SERVICE_ASKS" in os.environ:
            case.query["customer_id"] = ITS_CUSTOMER


def _name_an_order_that_is_there(case: Case) -> None:
    """Replace the example id by that of a stored order: one to read, and another to erase."""
    there, other = os.environ["ORDER_TO_READ"], os.environ["ORDER_TO_ERASE"]
    if case.method == "DELETE":
        there, other = other, there
    if case.path_parameters.get("order_id") in (ACCEPTED["order_id"], other):
        case.path_parameters = {**case.path_parameters, "order_id": there}
    if _IF_MATCH.fullmatch(str(case.headers.get("If-Match"))):
        case.headers["If-Match"] = "*"  # a version that was made up is not the order's


def _drop_made_up_cursor(query: dict[str, Any]) -> None:
    """Only cursors made by the service are valid; one holds the id of the order that it follows."""
    cursor = query.get("cursor")
    if isinstance(cursor, str) and re.fullmatch("[A-Za-z0-9_-]{1,512}", cursor):
        content = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)) if len(cursor) % 4 != 1 else b""
        if b"#ord_" not in content:
            del query["cursor"]


def _keep_total_payable(body: dict[str, Any]) -> None:
    """The sums of lines and of adjustments have limits too."""
    try:
        parse(OrderContent, {name: body[name] for name in ("items", "adjustments") if name in body})
    except InvalidOrder as refusal:
        words = " ".join(each.detail for each in refusal.violations)
        if "together" in words or "The total" in words:  # what is wrong is no single value
            for item in body["items"]:
                item["unit_price"] = 0
            for each in body.get("adjustments") or []:
                each["included"] = True
    if "items" not in body and isinstance(body.get("adjustments"), list):
        body["adjustments"] = [each for each in body["adjustments"] if not _reduces(each)]


def _reduces(adjustment: Any) -> bool:
    """Whether it may bring the total of an order below 0, or above the limit."""
    amount = adjustment.get("amount") if isinstance(adjustment, dict) else None
    return isinstance(amount, int | float) and (amount < 0 or amount > 10**9) and bool(_VALID.is_valid(adjustment))


def _keep_time_past(body: dict[str, Any]) -> None:
    """The schema knows how a time is written, not which day there is, and which is past."""
    if re.fullmatch(clock.RFC_3339_PATTERN, str(body.get("ordered_at"))):
        body["ordered_at"] = "2026-01-31T12:00:00Z"


def _complete_address(body: dict[str, Any]) -> None:
    """An order without an address accepts only a complete one."""
    for name in ("shipping_address", "billing_address"):
        if isinstance(address := body.get(name), dict):
            body[name] = NEW_ORDER["shipping_address"] | address


def _key_of(key: str, body: Any) -> str:
    """A key names one order: equal bodies get one key until an order is erased, different bodies different keys."""
    if not _KEY.fullmatch(key):
        return key
    document = json.dumps([body, len(_erased)], default=str, sort_keys=True)
    order = hashlib.sha256(document.encode()).hexdigest()[:16]
    if not key.startswith('"'):
        return f"{order}{key[:200]}"
    return f'"{order}{key[1:]}' if len(key) < 200 else f'"{order}"'
