"""Checks a history for broken promises, in the spirit of Jepsen's queue and register checks.

It shares no code with the service: what it expects is what docs/guide/api.md, docs/guide/events.md and
docs/explain/access-patterns.md promise to clients and consumers.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tests.resilience.history import operator_checks
from tests.resilience.history.book import Book, Finding, order_id_of, reference_of
from tests.resilience.history.evidence import Evidence

NEXT = {
    "placed": {"confirmed", "cancelled"},
    "confirmed": {"shipped", "cancelled"},
    "shipped": {"delivered"},
}


def check(evidence: Evidence) -> list[Finding]:
    """Every promise that this history breaks."""
    book = Book(evidence)
    own = (_answers, _posts, _orders, _events, _shown, _reads, _changes, _foreign, _ends)
    return [finding for each in (*own, *operator_checks.ALL) for finding in each(book)]


def _answers(book: Book) -> Iterator[Finding]:
    """No response is a 5xx except 503, and every 503 has Retry-After."""
    for each in book.evidence.history:
        if each["status"] is not None and each["status"] >= 500 and each["status"] != 503:
            yield Finding("failed", f"{each['method']} {each['path']} was answered {each['status']}")
        if each["status"] == 503 and not each["retry_after"]:
            yield Finding("failed", f"{each['method']} {each['path']}: 503 without Retry-After")


def _posts(book: Book) -> Iterator[Finding]:
    """One key of a customer names one order; different keys, and no key, name different ones."""
    names: dict[Any, set[str]] = defaultdict(set)
    for number, post in enumerate(book.posts):
        key = post["headers"].get("Idempotency-Key")
        if post["status"] == 202:
            names[(post["subject"], key) if key else number].add(post["answer"]["order_id"])
    for who, ids in names.items():
        if len(ids) > 1:
            yield Finding("doubled", f"{who} was answered with {len(ids)} orders")
    named = [order_id for ids in names.values() for order_id in ids]
    if len(named) != len(set(named)):
        yield Finding("contradicted", "two orders were given one id")


def _orders(book: Book) -> Iterator[Finding]:
    """An accepted order is in the table once, or quarantined as the second body of a key; nothing else is there."""
    posted = {post["body"]["reference"]: post for post in book.posts}
    stored: dict[str, list[str]] = defaultdict(list)
    injected = {order_id_of(body) for body in book.evidence.injected_messages}
    # An order that an operator gave up shows nothing of what was sent: the operators' file has it.
    given_up = {order_id_of(each["body"]): reference_of(each["body"]) for each in book.evidence.dropped}
    for order_id, versions in book.events.items():
        first = versions.get(1, {}).get("data") or {}
        reference = str(first.get("reference") or given_up.get(order_id))
        if reference in posted:
            stored[reference].append(order_id)
        elif 1 in versions and order_id not in injected:
            yield Finding("unexpected", f"{order_id} was placed by nobody")
    kept = {reference_of(each["body"]) for each in book.evidence.quarantined + book.evidence.dropped}
    for reference, post in posted.items():
        if len(stored[reference]) > 1:
            yield Finding("doubled", f"{reference} is {len(stored[reference])} orders")
        # Of two bodies of one key (docs/guide/api.md, "Idempotency"): a tombstone does not show which was stored.
        may_be_missing = _shares_its_key(book, post) and (reference in kept or _is_erased(book, post))
        if post["status"] == 202 and not (stored[reference] or may_be_missing):
            yield Finding("lost", f"{reference} was accepted and is nowhere")
    for post in book.posts:
        if post["status"] == 202 and post["answer"]["order_id"] not in book.evidence.table:
            yield Finding("lost", f"{post['answer']['order_id']} was accepted and is not in the table")
    for order_id in book.evidence.table.keys() - book.events.keys() - set(book.evidence.injected_items):
        yield Finding("lost", f"{order_id} is in the table, and no event of it was published")
    for order_id in book.events.keys() - book.evidence.table.keys():
        yield Finding("unexpected", f"an event of {order_id} was published, which is not in the table")


def _events(book: Book) -> Iterator[Finding]:
    """Each version has one event, first published in order, and the last one agrees with the table."""
    contents: dict[str, str] = {}
    highest: dict[str, int] = defaultdict(int)
    for event in book.evidence.published:
        if event.get("replayed"):
            continue
        content = json.dumps(event, sort_keys=True)
        for name in (event["id"], f"version {event['sequence']} of {event['subject']}"):
            if contents.setdefault(name, content) != content:
                yield Finding("doubled", f"two different events are {name}")
        sequence = int(event["sequence"])
        if sequence > highest[event["subject"]] + 1:
            yield Finding("out of order", f"{event['id']} was published before an earlier version")
        highest[event["subject"]] = max(highest[event["subject"]], sequence)
    for order_id, versions in book.events.items():
        yield from _one_order(order_id, versions, book.evidence.table.get(order_id))


def _one_order(order_id: str, versions: dict[int, dict[str, Any]], item: Any) -> Iterator[Finding]:
    if item is not None and sorted(versions) != list(range(1, int(item["version"]["N"]) + 1)):
        yield Finding("lost", f"{order_id} has events {sorted(versions)}, and version {item['version']['N']}")
    if item is not None and item["status"]["S"] != versions[max(versions)]["data"]["status"]:
        yield Finding("contradicted", f"{order_id} is {item['status']['S']}, its last event says otherwise")
    status = None
    for _, event in sorted(versions.items()):
        data = event["data"]
        if status is None and data["status"] not in ("placed", "rejected"):
            yield Finding("contradicted", f"{order_id} begins as {data['status']}")
        if status not in (None, data["status"]) and data["status"] not in NEXT.get(str(status), set()) | {"erased"}:
            yield Finding("contradicted", f"{order_id} went from {status} to {data['status']}")
        if data["status"] != "erased" and data.get("previous_status") != status:
            yield Finding("contradicted", f"{event['id']} names another previous status")
        if "items" in data and data["total"] != sum(line["quantity"] * line["unit_price"] for line in data["items"]):
            yield Finding("contradicted", f"{event['id']} has a wrong total")
        if data["status"] == "erased" and data.keys() != {"order_id", "status"}:
            yield Finding("foreign", f"{event['id']} says more than that the order is erased")
        status = data["status"]


def _shown(book: Book) -> Iterator[Finding]:
    """The first event shows what the client sent, and every answer agrees with the event of its version."""
    by_reference = {post["body"]["reference"]: post for post in book.posts}
    for order_id, versions in book.events.items():
        first = (versions.get(1) or {}).get("data") or {}
        post = by_reference.get(first.get("reference"))
        if post is None:
            continue
        if any(first.get(name) != value for name, value in post["body"].items()):
            yield Finding("contradicted", f"{order_id} is not what was sent")
        if first["customer_id"] != post["subject"]:
            yield Finding("foreign", f"{order_id} belongs to {first['customer_id']}, {post['subject']} placed it")
    for order_id, exchanges in book.by_order.items():
        for each in exchanges:
            if each["status"] != 200 or each["answer"].get("status") == "accepted":
                continue
            event = book.events[order_id].get(each["answer"]["version"])
            data = {name: value for name, value in (event or {}).get("data", {}).items() if name != "previous_status"}
            if data != each["answer"]:
                yield Finding("contradicted", f"{order_id} was shown other than version {each['answer']['version']}")


def _reads(book: Book) -> Iterator[Finding]:
    """An accepted order stays known, no version follows a newer one, and an erased order stays erased."""
    accepted_at = [(post["answer"]["order_id"], post["end"]) for post in book.posts if post["status"] == 202]
    for order_id, at in accepted_at:
        for each in book.by_order[order_id]:
            is_theirs = each["subject"] == book.owner[order_id]
            if each["status"] == 404 and is_theirs and each["begin"] > at:
                yield Finding("contradicted", f"{order_id} was accepted, then unknown")
    for order_id, exchanges in book.by_order.items():
        for each in exchanges:
            if each["status"] != 200 and not (each["status"] == 204 and each["method"] == "DELETE"):
                continue
            for later in exchanges:
                if later["begin"] > each["end"] and later["status"] == 200 and _rank(later) < _rank(each):
                    yield Finding("contradicted", f"{order_id} went back from {_rank(each)} to {_rank(later)}")


def _rank(exchange: dict[str, Any]) -> float:
    if exchange["method"] == "DELETE":
        return float("inf")
    return 0 if exchange["answer"]["status"] == "accepted" else float(exchange["answer"]["version"])


def _changes(book: Book) -> Iterator[Finding]:
    """A change that was answered 200 happened once, as answered; a refused change did not happen."""
    for order_id, exchanges in book.by_order.items():
        for each in exchanges:
            mark = _mark(each["body"]) if each["method"] == "PATCH" else None
            if mark is None or each["status"] is None or each["status"] == 503:
                continue
            others = [other for other in exchanges if other is not each and _mark(other["body"]) == mark]
            seen = [number for number, event in sorted(book.events[order_id].items()) if mark in _marks(event)]
            # A request for the status that an order has already is answered 200 and changes nothing.
            idle = each["body"].get("status") == (each["answer"] or {}).get("status")
            if each["status"] == 200 and not seen and not idle:
                yield Finding("lost", f"{mark} was answered 200 and never happened")
            if each["status"] == 200 and seen and each["answer"]["version"] < seen[0]:
                yield Finding("contradicted", f"{mark} was answered with a version from before it")
            match = each["headers"].get("If-Match", "*").strip('"')
            if each["status"] == 200 and match != "*" and each["answer"]["version"] - int(match) not in (0, 1):
                yield Finding("contradicted", f"{mark} changed version {match}, and became {each['answer']['version']}")
            if each["status"] >= 400 and seen and not others:
                yield Finding("contradicted", f"{mark} was refused with {each['status']} and happened")


def _mark(body: Any) -> str | None:
    """What is unique to a change: its note, or its reason."""
    return (body or {}).get("note") or (body or {}).get("status_reason")


def _marks(event: dict[str, Any]) -> set[str | None]:
    return {event["data"].get("note"), event["data"].get("status_reason")}


def _foreign(book: Book) -> Iterator[Finding]:
    """Tenant isolation: no customer sees or changes another's order, or learns that it exists."""
    for each in book.evidence.history:
        if "orders/service" in each["scope"] or "orders/admin" in each["scope"]:
            continue
        shown = each["answer"].get("orders", [each["answer"]]) if isinstance(each["answer"], dict) else []
        for order in shown:
            if order.get("customer_id", each["subject"]) != each["subject"]:
                yield Finding("foreign", f"{each['subject']} was shown an order of {order['customer_id']}")
    for order_id, owner in book.owner.items():
        for each in book.by_order[order_id]:
            is_foreign = each["scope"].startswith("orders/read") and each["subject"] != owner
            if is_foreign and each["status"] not in (None, 503, 404):
                yield Finding("foreign", f"{each['subject']} was answered {each['status']} for an order of {owner}")


def _shares_its_key(book: Book, post: dict[str, Any]) -> bool:
    """Whether another body was sent under a post's idempotency key."""
    key, who = post["headers"].get("Idempotency-Key"), post["subject"]
    others = [each for each in book.posts if each["subject"] == who and each["body"] != post["body"]]
    return key is not None and any(each["headers"].get("Idempotency-Key") == key for each in others)


def _is_erased(book: Book, post: dict[str, Any]) -> bool:
    item = book.evidence.table.get((post["answer"] or {}).get("order_id", ""))
    return item is not None and item["status"]["S"] == "erased"


def _ends(book: Book) -> Iterator[Finding]:
    if book.evidence.unfinished:
        yield Finding("unresolved", f"{book.evidence.unfinished} clients and messages never came to an end")
