"""Checks of what operators see and do: dead letters, and events that they publish again."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.resilience.history.book import Book, Finding, json_object, order_id_of, reference_of


def dead_letters(book: Book) -> Iterator[Finding]:
    """Quarantine holds injected messages and second bodies of a key: each whole, and with its reason."""
    sent = {post["body"]["reference"] for post in book.posts}
    injected = set(book.evidence.injected_messages)
    kept = {dead_letter["body"] for dead_letter in book.evidence.quarantined + book.evidence.dropped}
    for dead_letter in book.evidence.quarantined:
        body, reason = dead_letter["body"], dead_letter["reason"]
        is_second_body = reference_of(body) in sent and "idempotency-key-reused" in reason
        if not reason or not (body in injected or is_second_body):
            yield Finding("lost", f"dead letter {body[:80]!r} ({reason or 'no reason'})")
    for body in injected:
        if body not in kept and order_id_of(body) not in book.evidence.table:
            yield Finding("lost", f"an injected message was dropped: {body[:80]!r}")
    dropped = [each for each in book.evidence.dropped if each["queue"] == "events"]
    records = [json_object(each["body"])["dynamodb"] for each in book.evidence.quarantined_records + dropped]
    for order_id in {record["Keys"]["order_id"]["S"] for record in records} ^ set(book.evidence.injected_items):
        yield Finding("lost", f"a readable record of {order_id} was quarantined, or an unreadable one was dropped")


def repeats(book: Book) -> Iterator[Finding]:
    """A poison record is quarantined once, and again only where a fault hid that it had been quarantined."""
    evidence = book.evidence
    counts = Counter(each["source"] for each in evidence.quarantined + evidence.quarantined_records if each["source"])
    for source, count in counts.items():
        if count > 1 + evidence.repeats_allowed.get(source, 0):
            yield Finding("repeated", f"{source} was quarantined {count} times")


def replays(book: Book) -> Iterator[Finding]:
    """A replayed event has the content of the first event of its version, and follows it.

    Except when the order was changed shortly before the replay began, or while it ran: the replay goes by the times in
    orders, and containers' clocks are wrong here.
    """
    first: dict[str, int] = {}
    for number, event in enumerate(book.evidence.published):
        if not event.get("replayed"):
            first.setdefault(event["id"], number)
    for number, event in enumerate(book.evidence.published):
        if not event.get("replayed"):
            continue
        original = book.events[event["subject"]].get(int(event["sequence"]))
        if original is None or original["id"] != event["id"]:
            yield Finding("doubled", f"{event['id']} was replayed, and no event has this id")
        elif _said(original) != _said(event):
            yield Finding("contradicted", f"{event['id']} was replayed with other content")
        elif first[event["id"]] > number and event["id"] in _written_before(book, number):
            yield Finding("out of order", f"{event['id']} was replayed before it was published")


def _said(event: dict[str, Any]) -> dict[str, Any]:
    """The order in an event; a replay may not know the previous status."""
    return {name: value for name, value in event["data"].items() if name != "previous_status"}


def _written_before(book: Book, number: int) -> set[str]:
    """The versions whose events were due before the replay that published the event of this number began."""
    _, written = max(begun for begun in book.evidence.replays if begun[0] <= number)
    return set(book.evidence.written[:written])


ALL = (dead_letters, repeats, replays)
