"""A plain model of the API, made of dictionaries and conditions: the answer that each request must get.

It shares no code with the service. It states again what docs/guide/api.md promises: who may see an order, which status
may follow which, what a patch changes, which order a key names.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

NEXT = {
    "placed": {"confirmed", "cancelled"},
    "confirmed": {"shipped", "cancelled"},
    "shipped": {"delivered"},
    "delivered": set[str](),
    "cancelled": set[str](),
    "rejected": set[str](),
}
STATUSES = [*NEXT, "erased"]
SERVER_OWNED = {"order_id", "customer_id", "subtotal", "total", "version", "placed_at", "updated_at"}
FOREVER = {"currency", "reference", "ordered_at"}
PRICE = ("items", "adjustments")
DELIVERY = ("shipping_address", "billing_address", "contact", "note")
CONTENT = (*PRICE, *DELIVERY, "metadata")
Json = dict[str, Any]


@dataclass(frozen=True)
class Actor:
    subject: str
    scopes: frozenset[str]

    @property
    def is_service(self) -> bool:
        return "orders/service" in self.scopes

    def has(self, scope: str) -> bool:
        return scope in self.scopes or (self.is_service and scope in {"orders/read", "orders/write"})


@dataclass(frozen=True)
class Refused(Exception):
    status: int
    slug: str
    rule: str = ""  # distinguishes reasons with the same answer, since a run must meet each of them


@dataclass
class Known:
    """An order that the API accepted, or that came to the queue in another way, and so without a seal in its id."""

    order_id: str
    customer: str
    sealed: bool
    posted: Json | None = None  # of the command that was stored, without nulls
    shown: Json | None = None  # as the API shows it; None before it is stored and after it is erased
    erased: bool = False


@dataclass
class Model:
    orders: dict[str, Known] = field(default_factory=dict)
    keys: dict[tuple[str, str], str] = field(default_factory=dict)

    # --- permissions --------------------------------------------------------------------------------------------------

    def customer(self, actor: Actor, scope: str, named: str | None, *, placing: bool = False) -> str | None:
        """The customer whose orders the request is about; None: any customer's."""
        if not actor.has(scope):
            raise Refused(403, "forbidden")
        if actor.is_service and named is None:
            if placing:
                raise Refused(400, "customer-required")
            return None
        if named is not None and not re.fullmatch(r"(?!\.{1,2}$)[^\s/\\#?%]{1,128}", named):
            raise Refused(400, "invalid-parameter")
        if actor.is_service:
            return named
        if named not in (None, actor.subject):
            raise Refused(403, "forbidden")
        return actor.subject

    def see(self, order_id: str, customer: str | None) -> Known:
        """The order, if this customer may know of it; its `shown` is None until it is stored."""
        known = self.orders.get(order_id)
        if known is None:
            raise Refused(404, "not-found")
        theirs = customer == known.customer
        if known.erased and (customer is None or (theirs and known.sealed)):
            raise Refused(410, "gone")
        if known.shown is not None and (customer is None or theirs):
            return known
        if known.shown is None and not known.erased and theirs and known.sealed:
            return known
        raise Refused(404, "not-found")

    def seen_together(self, ids: Sequence[str], customer: str | None) -> tuple[list[Json], list[str]]:
        """What one request for many orders shows, in the order asked for, and the ids that it calls missing."""
        found: list[Json] = []
        missing: list[str] = []
        for order_id in dict.fromkeys(ids):
            try:
                known = self.see(order_id, customer)
            except Refused as refused:
                if refused.status == 410:
                    found.append({"order_id": order_id, "status": "erased"})
                else:
                    missing.append(order_id)
            else:
                found.append(known.shown or {"order_id": order_id, "status": "accepted"})
        return found, missing

    # --- effects ------------------------------------------------------------------------------------------------------

    def replayed(self, customer: str, key: str | None, posted: Json) -> bool:
        """Whether a post is a replay: answered from the stored order, with nothing put on the queue."""
        order_id = self.keys.get((customer, key)) if key else None
        known = self.orders.get(order_id) if order_id else None
        if known is None or (known.shown is None and not known.erased):
            return False
        if known.erased:
            raise Refused(410, "gone")
        if known.posted != tidy(posted):
            raise Refused(422, "idempotency-key-reused")
        return True

    def processed(self, command: Json, *, valid: bool) -> bool:
        """Store the order of a command; False when the command belongs into quarantine."""
        known = self.orders[command["order_id"]]
        posted = tidy(command["order"])
        if known.erased:
            return True
        if known.shown is not None:
            return bool(known.posted == posted)
        known.posted = posted
        known.shown = {
            "order_id": known.order_id,
            "customer_id": known.customer,
            "status": "placed" if valid else "rejected",
            "items": [],
            "total": 0,
            **(posted if valid else {}),
            "version": 1,
            "placed_at": command["placed_at"],
            "updated_at": command["placed_at"],
        }
        known.shown |= amounts(known.shown)
        return True

    def patched(
        self, actor: Actor, named: str | None, order_id: str, patch: Json, if_match: str | None
    ) -> tuple[Known, Json]:
        """The order, and how it is shown after the patch: unchanged when the patch changes nothing."""
        customer = self.customer(actor, "orders/write", named)
        if if_match is None:
            raise Refused(428, "precondition-required")
        versions = None if if_match == "*" else {int(v) for v in re.findall(r'"([0-9]+)"', if_match)}
        if versions == set():
            raise Refused(400, "invalid-parameter")
        if patch.keys() & (SERVER_OWNED | FOREVER):
            raise Refused(422, "invalid-order")
        known = self.see(order_id, customer)
        if known.shown is None:
            raise Refused(409, "not-yet-stored")
        if versions is not None and known.shown["version"] not in versions:
            raise Refused(412, "precondition-failed")
        after = self._content(known.shown, patch) | self._status(known.shown, patch, actor)
        after = {name: value for name, value in after.items() if value is not None}
        if after == known.shown:
            return known, known.shown
        return known, after | {"version": known.shown["version"] + 1}

    def _content(self, shown: Json, patch: Json) -> Json:
        changes = {name: patch[name] for name in CONTENT if name in patch}
        if not changes:
            return dict(shown)
        merged = {name: shown[name] for name in CONTENT if name in shown}
        for name, value in changes.items():
            merged[name] = {**merged.get(name, {}), **value} if isinstance(value, dict) else value
        merged = tidy(merged)
        if shown["status"] == "rejected":
            raise Refused(409, "conflict")
        addresses = [merged[name] for name in ("shipping_address", "billing_address") if name in merged]
        if (
            "items" not in merged
            or not isinstance(merged.get("note", ""), str)
            or any(len(each) < 4 for each in addresses)
        ):
            raise Refused(422, "invalid-order")
        if amounts(merged)["total"] < 0:
            raise Refused(422, "invalid-order", "below 0")
        if shown["status"] != "placed" and any(merged.get(name) != shown.get(name) for name in PRICE):
            raise Refused(409, "conflict", "items are fixed")
        delivery = [merged.get(name) != shown.get(name) for name in DELIVERY]
        if shown["status"] not in {"placed", "confirmed"} and any(delivery):
            raise Refused(409, "conflict", "address and note are fixed")
        kept: Json = {name: value for name, value in shown.items() if name not in CONTENT}
        return {**kept, **merged, **amounts(merged)}

    def _status(self, shown: Json, patch: Json, actor: Actor) -> Json:
        asked, reason = patch.get("status"), patch.get("status_reason") or None
        if asked == shown["status"] and reason not in (None, shown.get("status_reason")):
            raise Refused(409, "conflict", "the reason is fixed")
        if asked in (None, shown["status"]):
            return {}
        if not actor.is_service and asked != "cancelled":
            raise Refused(403, "forbidden", "owners only cancel")
        if asked not in NEXT[shown["status"]]:
            raise Refused(409, "conflict", "status cannot follow")
        return {"status": asked, "status_reason": reason}

    def erased(self, actor: Actor, named: str | None, order_id: str) -> None:
        if "orders/admin" not in actor.scopes:
            raise Refused(403, "forbidden")
        if named is None:
            raise Refused(400, "customer-required", "an erasure names the customer")
        if (found := self.orders.get(order_id)) and found.erased:
            return  # before the customer is compared: a tombstone names none
        known = self.see(order_id, named)
        if known.shown is None:
            raise Refused(409, "not-yet-stored")
        known.shown, known.erased = None, True

    def listed(self, customer: str, filters: Mapping[str, str]) -> list[Json]:
        """The summaries of a customer's stored orders that fit the filters, newest first."""
        theirs = [known.shown for known in self.orders.values() if known.shown and known.customer == customer]
        fitting = [
            shown
            for shown in theirs
            if filters.get("status", shown["status"]) == shown["status"]
            and filters.get("placed_after", "") < shown["placed_at"] < filters.get("placed_before", "9")
        ]
        fitting.sort(key=lambda shown: (shown["placed_at"], shown["order_id"]), reverse=True)
        return [summary(shown) for shown in fitting]


def amounts(shown: Mapping[str, Any]) -> Json:
    """Subtotal and total, counted exactly and in another way than the service counts them."""
    prices = [Fraction(item["unit_price"]) for item in shown["items"] for _ in range(item["quantity"])]
    added = [Fraction(each["amount"]) for each in shown.get("adjustments", []) if each.get("included") is not True]
    return {"subtotal": int(sum(prices)), "total": int(sum(prices) + sum(added))}


def summary(shown: Json) -> Json:
    hidden = {*CONTENT, "status_reason", "subtotal", "ordered_at"}
    return {name: value for name, value in shown.items() if name not in hidden} | {"item_count": len(shown["items"])}


def tidy(value: Any) -> Any:
    """What the service keeps of a document: no null, and no empty text, list or object."""
    if isinstance(value, dict):
        kept = {name: tidy(each) for name, each in value.items()}
        return {name: each for name, each in kept.items() if each not in (None, "", [], {})}
    return [tidy(each) for each in value] if isinstance(value, list) else value
