"""Every order of the shop beside the one that is stored, by the digest of each."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.adapters import order_items
from chalicelib.domain.errors import Poison
from chalicelib.domain.orders import Order
from ordersctl.migrate.context import Migration
from ordersctl.migrate.errors import Refused
from ordersctl.migrate.mapping.rows import Gone
from ordersctl.migrate.source.reads import Loaded, Reader
from ordersctl.migrate.target import imported_items, stored
from ordersctl.migrate.target.imported_items import Item

CHUNK = 500
_CONFIRMATIONS = 3  # times that a difference is seen before it counts
_FOLLOW_SECONDS = 30  # how long the follower may take to pass a place
SAME, OWNED, REFUSED = "same", "owned", "refused"


@dataclass
class Findings:
    """What was found, by kind. An order that is `same` is only counted."""

    counts: Counter[str] = field(default_factory=Counter)
    differences: dict[int, str] = field(default_factory=dict)  # what is wrong with an order's copy
    refused: dict[int, str] = field(default_factory=dict)
    owned: set[int] = field(default_factory=set)  # changed by this service: they are no copies any more
    suspects: set[int] = field(default_factory=set)  # different at first sight; perhaps only changed meanwhile

    def add(self, key: int, kind: str, reason: str = "") -> None:
        """Count an order of a kind other than a difference."""
        self.counts[kind] += 1
        if kind == OWNED:
            self.owned.add(key)
        elif kind == REFUSED:
            self.refused[key] = reason


def compare_all(migration: Migration) -> Findings:
    """Compare every order, in both directions; memory holds only what differs. Raises SourceLost, Stopped."""
    findings, reader = Findings(), migration.reader()
    after = 0
    while True:
        with reader.snapshot() as shop:
            keys = shop.keys(after, CHUNK)
            loaded = shop.load(keys)
        if not keys:
            break
        _judge(migration, loaded, findings)
        after = keys[-1]
    for page in stored.pages(migration.table):
        _find_extras(migration, reader, page, findings)
    _confirm(migration, reader, findings)
    reader.close()
    return findings


def compare_some(migration: Migration, keys: Sequence[int]) -> Findings:
    """Compare the orders of these keys. Raises SourceLost, Stopped."""
    findings, reader = Findings(), migration.reader()
    for start in range(0, len(keys), CHUNK):
        with reader.snapshot() as shop:
            loaded = shop.load(keys[start : start + CHUNK])
        _judge(migration, loaded, findings)
    _confirm(migration, reader, findings)
    reader.close()
    return findings


def _judge(migration: Migration, loaded: Loaded, findings: Findings) -> None:
    items = _items(migration, loaded)
    for key, theirs in loaded.items():
        kind, reason = _difference(theirs, items.get(key))
        if kind in {SAME, OWNED, REFUSED}:
            findings.add(key, kind, reason)
        else:
            findings.suspects.add(key)


def _items(migration: Migration, keys: Iterable[int]) -> dict[int, Item]:
    by_id = {migration.mapper.order_id(key): key for key in keys}
    return {by_id[name]: item for name, item in stored.by_id(migration.table, list(by_id)).items()}


def _find_extras(migration: Migration, reader: Reader, page: dict[int, Item], findings: Findings) -> None:
    """Suspect the orders of a page of the table that the shop does not have, or that have a wrong id."""
    if not page:
        return
    with reader.snapshot() as shop:
        loaded = shop.load(list(page))
    for key, item in page.items():
        if item[order_items.ORDER_ID]["S"] != migration.mapper.order_id(key):
            findings.differences[key] = "is stored under an id that is not its own"
        elif key in loaded and isinstance(loaded[key], Gone):
            kind, reason = _difference(loaded[key], item)
            if kind == OWNED:
                findings.add(key, kind, reason)
            elif kind != SAME:
                findings.suspects.add(key)


def _confirm(migration: Migration, reader: Reader, findings: Findings) -> None:
    """Look again at what differs, each time after the follower has passed what was read."""
    suspects = sorted(findings.suspects)
    findings.suspects.clear()
    last: dict[int, str] = {}
    for _ in range(_CONFIRMATIONS):
        last = {}
        for start in range(0, len(suspects), CHUNK):
            last |= _look_again(migration, reader, suspects[start : start + CHUNK], findings)
        suspects = sorted(last)
    findings.differences |= last


def _look_again(migration: Migration, reader: Reader, keys: Sequence[int], findings: Findings) -> dict[int, str]:
    with reader.snapshot() as shop:
        loaded = shop.load(keys)
    passed = _wait_for_follow(migration, reader)
    items, different = _items(migration, keys), {}
    for key, theirs in loaded.items():
        kind, reason = _difference(theirs, items.get(key))
        if kind in {SAME, OWNED, REFUSED}:
            findings.add(key, kind, reason)
        else:
            different[key] = reason if passed else f"{reason} (follow has not passed it)"
    return different


def _wait_for_follow(migration: Migration, reader: Reader) -> bool:
    """Wait until the follower has passed where the log ends now; whether it has."""
    end, deadline = reader.end_of_log(), time.monotonic() + _FOLLOW_SECONDS
    while (position := migration.state.position()) is None or not position.is_at_least(end):
        if time.monotonic() > deadline or not migration.state.is_running("follow"):
            return False
        time.sleep(0.1)
    return True


def _difference(theirs: Order | Gone | Refused, item: Item | None) -> tuple[str, str]:
    """What an order and its copy are to each other, and why."""
    if item is not None and imported_items.is_owned(item):
        return OWNED, ""
    if isinstance(theirs, Refused):
        return REFUSED, str(theirs) if item is None else f"{theirs} (as it was before, it is stored)"
    if isinstance(theirs, Gone):
        is_gone = item is None or imported_items.is_gone(item)
        return (SAME, "") if is_gone else ("extra", "is stored, and the shop does not have it")
    return ("lost", "is not stored") if item is None else _difference_of_order(theirs, item)


def _difference_of_order(theirs: Order, item: Item) -> tuple[str, str]:
    try:
        if imported_items.digest_of_stored(item) == imported_items.digest(theirs):
            return SAME, ""
        ours: Any = order_items.from_item(item)
    except Poison as poison:
        return "different", f"cannot be read: {poison}"
    return "different", f"differs in {', '.join(_fields(theirs, ours)) or 'what is not shown'}"


def _fields(theirs: Order, ours: Any) -> list[str]:
    if not isinstance(ours, Order):
        return ["status"]
    return [name for name in Order.model_fields if name != "version" and getattr(theirs, name) != getattr(ours, name)]
