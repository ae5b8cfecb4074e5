"""What clients do: place, read, change and erase orders by the documented rules, and try what they may not."""

import random
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

CUSTOMER, SERVICE, ADMIN = "orders/read orders/write", "orders/service", "orders/admin"


@dataclass(frozen=True)
class Ask:
    method: str
    path: str
    subject: str
    scope: str = CUSTOMER
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Exchange:
    """One request and what became of it; `begin` and `end` say what was before what, in all of the history."""

    ask: Ask
    begin: int
    end: int = -1
    status: int | None = None  # None: no answer, whatever happened
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None

    @property
    def is_unclear(self) -> bool:
        return self.status in (None, 503)

    def as_json(self) -> dict[str, Any]:
        etag = self.headers.get("ETag")
        return {**vars(self.ask), "begin": self.begin, "end": self.end, "etag": etag, **self._answer()}

    def _answer(self) -> dict[str, Any]:
        return {"status": self.status, "retry_after": self.headers.get("Retry-After"), "answer": self.body}


Story = Generator[Ask, Exchange, None]


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


def placing(source: random.Random, name: str, customer: str, key: str | None, others: list[str]) -> Story:
    """Place an order; without an answer, again with the same key. Then live with it."""
    headers = {} if key is None else {"Idempotency-Key": key}
    body = new_order(source, name)
    while True:
        answer = yield Ask("POST", "/orders", customer, body=body, headers=headers)
        if answer.status == 202:
            break
        if not answer.is_unclear or key is None:
            return  # refused; or a client without a key, which cannot know and must not ask again
    order_id = answer.body["order_id"]
    yield from _trespassing(source, order_id, others)
    while True:
        seen = yield Ask("GET", f"/orders/{order_id}", customer)
        if seen.status == 410:
            return
        if seen.status == 200 and seen.body["status"] != "accepted":
            break
    for number in range(source.randint(0, 4)):
        deed = source.choice([_note, _note, _items, _cancel, _advance, _advance, _list, _read, _erase])
        yield from deed(source, f"{name}.{number}", customer, order_id)


def meddling(source: random.Random, name: str, customer: str) -> Story:
    """A service that changes a customer's newest orders while the customer does, too."""
    for number in range(12):
        listed = yield Ask("GET", f"/customers/{customer}/orders?limit=3", "warehouse", SERVICE)
        if listed.status == 200 and listed.body["orders"]:
            order_id = source.choice(listed.body["orders"])["order_id"]
            if source.random() < 0.5:
                yield from _changing(order_id, "warehouse", SERVICE, {"note": f"note {name}.{number}"})
            else:
                yield from _advance(source, f"{name}.{number}", customer, order_id)


def _read(_source: random.Random, _name: str, customer: str, order_id: str) -> Story:
    yield Ask("GET", f"/orders/{order_id}", customer)
    yield Ask("GET", f"/orders/{order_id}", "warehouse", SERVICE)


def _list(source: random.Random, _name: str, customer: str, _order_id: str) -> Story:
    yield Ask("GET", f"/customers/{customer}/orders?limit={source.randint(1, 5)}", customer)


def _note(_source: random.Random, name: str, customer: str, order_id: str) -> Story:
    yield from _changing(order_id, customer, CUSTOMER, {"note": f"note {name}"})


def _items(source: random.Random, name: str, customer: str, order_id: str) -> Story:
    patch = {"items": new_order(source, "")["items"], "note": f"note {name}"}
    yield from _changing(order_id, customer, CUSTOMER, patch)


def _cancel(_source: random.Random, name: str, customer: str, order_id: str) -> Story:
    yield from _changing(order_id, customer, CUSTOMER, {"status": "cancelled", "status_reason": f"reason {name}"})


def _advance(source: random.Random, name: str, _customer: str, order_id: str) -> Story:
    status = source.choice(["confirmed", "shipped", "delivered"])
    yield from _changing(order_id, "warehouse", SERVICE, {"status": status, "status_reason": f"reason {name}"})


def _changing(order_id: str, subject: str, scope: str, patch: dict[str, Any]) -> Story:
    """Read, then change what was read; when that is stale or unclear, twice more."""
    for _ in range(3):
        seen = yield Ask("GET", f"/orders/{order_id}", subject, scope)
        if seen.status != 200 or "ETag" not in seen.headers:
            continue
        match = {"If-Match": seen.headers["ETag"]}
        answer = yield Ask("PATCH", f"/orders/{order_id}", subject, scope, patch, match)
        if not answer.is_unclear and answer.status != 412:
            return


def _erase(source: random.Random, _name: str, customer: str, order_id: str) -> Story:
    if source.random() < 0.5:
        return
    for _ in range(3):
        answer = yield Ask("DELETE", f"/orders/{order_id}", "admin", ADMIN)
        if answer.status == 204:
            break
    yield Ask("GET", f"/orders/{order_id}", customer)


def _trespassing(source: random.Random, order_id: str, others: list[str]) -> Story:
    """Another customer asks for the order, and for a list that is not theirs."""
    other = source.choice(others)
    for ask in (
        Ask("GET", f"/orders/{order_id}", other),
        Ask("PATCH", f"/orders/{order_id}", other, body={"note": "mine now"}, headers={"If-Match": "*"}),
        Ask("GET", f"/customers/{source.choice(others)}-not/orders", other),
    ):
        if source.random() < 0.3:
            yield ask
