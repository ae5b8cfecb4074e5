"""What clients do: place, read, change and erase orders by the documented rules, and try what is not permitted.

A scenario is a generator: it yields requests and is sent the exchange that each one became.
"""

import random
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

CUSTOMER, SERVICE, ADMIN = "orders/read orders/write", "orders/service", "orders/admin"


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    subject: str
    scope: str = CUSTOMER
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Exchange:
    """One request and its answer; `begin` and `end` order all requests and answers of a run."""

    request: Request
    begin: int
    end: int = -1
    status: int | None = None  # None: no answer, and perhaps an effect
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None

    @property
    def is_unclear(self) -> bool:
        return self.status in (None, 503)

    def as_json(self) -> dict[str, Any]:
        etag = self.headers.get("ETag")
        return {**vars(self.request), "begin": self.begin, "end": self.end, "etag": etag, **self._answer()}

    def _answer(self) -> dict[str, Any]:
        return {"status": self.status, "retry_after": self.headers.get("Retry-After"), "answer": self.body}


Scenario = Generator[Request, Exchange, None]


@dataclass
class Client:
    """A client in the middle of its scenario."""

    scenario: Scenario
    answer: Exchange | None = None
    waiting: bool = False  # for the answer to its request
    done: bool = False


def new_order(source: random.Random, reference: str) -> dict[str, Any]:
    lines = [
        {
            "sku": f"SKU {source.randint(1, 99)}",
            "quantity": source.randint(1, 9),
            "unit_price": source.randint(0, 9_999),
        }
        for _ in range(source.randint(1, 4))
    ]
    return {"currency": source.choice(["GBP", "EUR", "JPY"]), "items": lines, "reference": reference}


def customer_orders(source: random.Random, name: str, customer: str, key: str | None, others: list[str]) -> Scenario:
    """Place an order, again with the same key if no response came; then read, change, cancel or erase it."""
    headers = {} if key is None else {"Idempotency-Key": key}
    body = new_order(source, name)
    while True:
        answer = yield Request("POST", "/orders", customer, body=body, headers=headers)
        if answer.status == 202:
            break
        if not answer.is_unclear or key is None:
            return  # refused; or sent without a key, and then it is not safe to send it again
    order_id = answer.body["order_id"]
    yield from _another_customer(source, order_id, others)
    while True:
        seen = yield Request("GET", f"/orders/{order_id}", customer)
        if seen.status == 410:
            return
        if seen.status == 200 and seen.body["status"] != "accepted":
            break
    for number in range(source.randint(0, 4)):
        action = source.choice([_note, _note, _items, _cancel, _advance, _advance, _list, _read, _erase])
        yield from action(source, f"{name}.{number}", customer, order_id)


def service_interferes(source: random.Random, name: str, customer: str) -> Scenario:
    """A service changes a customer's newest orders while the customer changes them, too."""
    for number in range(12):
        listed = yield Request("GET", f"/customers/{customer}/orders?limit=3", "warehouse", SERVICE)
        if listed.status == 200 and listed.body["orders"]:
            order_id = source.choice(listed.body["orders"])["order_id"]
            if source.random() < 0.5:
                yield from _changing(order_id, "warehouse", SERVICE, {"note": f"note {name}.{number}"})
            else:
                yield from _advance(source, f"{name}.{number}", customer, order_id)


def overtaking(order_id: str, number: int) -> Request:
    """A service's change of an order, whatever its version."""
    note = {"note": f"note overtaking {number}"}
    return Request("PATCH", f"/orders/{order_id}", "warehouse", SERVICE, note, {"If-Match": "*"})


def _read(_source: random.Random, _name: str, customer: str, order_id: str) -> Scenario:
    yield Request("GET", f"/orders/{order_id}", customer)
    yield Request("GET", f"/orders/{order_id}", "warehouse", SERVICE)


def _list(source: random.Random, _name: str, customer: str, _order_id: str) -> Scenario:
    yield Request("GET", f"/customers/{customer}/orders?limit={source.randint(1, 5)}", customer)


def _note(_source: random.Random, name: str, customer: str, order_id: str) -> Scenario:
    yield from _changing(order_id, customer, CUSTOMER, {"note": f"note {name}"})


def _items(source: random.Random, name: str, customer: str, order_id: str) -> Scenario:
    patch = {"items": new_order(source, "")["items"], "note": f"note {name}"}
    yield from _changing(order_id, customer, CUSTOMER, patch)


def _cancel(_source: random.Random, name: str, customer: str, order_id: str) -> Scenario:
    yield from _changing(order_id, customer, CUSTOMER, {"status": "cancelled", "status_reason": f"reason {name}"})


def _advance(source: random.Random, name: str, _customer: str, order_id: str) -> Scenario:
    status = source.choice(["confirmed", "shipped", "delivered"])
    yield from _changing(order_id, "warehouse", SERVICE, {"status": status, "status_reason": f"reason {name}"})


def _changing(order_id: str, subject: str, scope: str, patch: dict[str, Any]) -> Scenario:
    """Read the order and change it; after a conflict or an unclear response, try twice more."""
    for _ in range(3):
        seen = yield Request("GET", f"/orders/{order_id}", subject, scope)
        if seen.status != 200 or "ETag" not in seen.headers:
            continue
        match = {"If-Match": seen.headers["ETag"]}
        answer = yield Request("PATCH", f"/orders/{order_id}", subject, scope, patch, match)
        if not answer.is_unclear and answer.status != 412:
            return


def _erase(source: random.Random, _name: str, customer: str, order_id: str) -> Scenario:
    if source.random() < 0.5:
        return
    for _ in range(3):
        answer = yield Request("DELETE", f"/orders/{order_id}?customer_id={customer}", "admin", ADMIN)
        if answer.status == 204:
            break
    yield Request("GET", f"/orders/{order_id}", customer)


def _another_customer(source: random.Random, order_id: str, others: list[str]) -> Scenario:
    """Another customer asks for the order, changes it, and asks for the list of a third one."""
    other = source.choice(others)
    for request in (
        Request("GET", f"/orders/{order_id}", other),
        Request("PATCH", f"/orders/{order_id}", other, body={"note": "mine now"}, headers={"If-Match": "*"}),
        Request("GET", f"/customers/{source.choice(others)}-not/orders", other),
    ):
        if source.random() < 0.3:
            yield request
