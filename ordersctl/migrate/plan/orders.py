"""Every order of the shop, judged as the copy will judge it: what would be refused, and what looks odd."""

import csv
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any

from chalicelib.adapters import order_items
from chalicelib.domain.orders import Order
from ordersctl.migrate.errors import Refused
from ordersctl.migrate.item_size import write_units
from ordersctl.migrate.mapping.rows import (
    ADJUSTMENT_COLUMNS,
    LINE_COLUMNS,
    ORDER_COLUMNS,
    PREFIXES,
    TIMES,
    unknown_columns,
)
from ordersctl.migrate.mapping.values import is_ambiguous
from ordersctl.migrate.plan.findings import Finding
from ordersctl.migrate.source.reads import Reader, Snapshot
from ordersctl.shared.output import number_of, printable

_CHUNK = 500
_EXAMPLES = 5
_REASONS = 50  # that are shown; the list of refused orders has all
# UTF-8 that was read as Latin-1 or Windows-1252: é as Ã©, £ as Â£, a curly quote as â€™.
_MOJIBAKE = re.compile("Ã[\u0080-\u00bf\u2018-\u2122]|Â[\u00a0-\u00bf]|â€")
_REQUIRED = {"customer_id", "status", "currency", "placed_at"}
_REQUIRED_OF_A_LINE = {"sku", "quantity", "unit_price"}


@dataclass
class Census:
    """What was counted. `examples` names some orders for each oddity."""

    orders: int = 0
    seconds: float = 0.0  # that reading took
    write_units: int = 0  # of DynamoDB, for the table and its index
    refused: Counter[str] = field(default_factory=Counter)
    odd: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[int]] = field(default_factory=dict)

    def name(self, counter: Counter[str], what: str, key: int) -> None:
        """Count an oddity of an order."""
        counter[what] += 1
        named = self.examples.setdefault(what, [])
        if len(named) < _EXAMPLES:
            named.append(key)


def count(reader: Reader, limit: int | None, refused: IO[str]) -> tuple[Census, list[Finding]]:
    """Read all orders, or the first `limit`, and judge them; each refused one is a line of the CSV `refused`.

    Raises SourceLost, Stopped.
    """
    census, findings, after = Census(), [], 0
    lines = csv.writer(refused)
    lines.writerow(("key", "reason"))
    while limit is None or census.orders < limit:
        began = time.monotonic()
        with reader.snapshot() as shop:
            keys = shop.keys(after, _CHUNK if limit is None else min(_CHUNK, limit - census.orders))
            if not keys:
                break
            if not census.orders:
                findings = list(_columns(shop, keys))
            loaded = shop.load(keys)
            census.seconds += time.monotonic() - began
            rows = shop.select(shop.mapper.mapping.order_select, keys=tuple(keys))
        for row in rows:
            _look_at(row, shop, census)
        for key, order in loaded.items():
            if isinstance(order, Refused):
                census.name(census.refused, _kind(str(order)), key)
                lines.writerow((key, printable(str(order))))
            elif isinstance(order, Order):
                census.write_units += write_units(order_items.to_item(order))
        census.orders += len(keys)
        after = keys[-1]
    return census, [*findings, *_findings(census)]


def _columns(shop: Snapshot, keys: list[int]) -> Iterator[Finding]:
    """The columns of each SELECT, by its first rows."""
    mapping = shop.mapper.mapping
    selects = [
        ("[order] select", mapping.order_select, ORDER_COLUMNS, PREFIXES, _REQUIRED),
        ("[lines] select", mapping.lines_select, LINE_COLUMNS, (), _REQUIRED_OF_A_LINE),
        ("[adjustments] select", mapping.adjustments_select, ADJUSTMENT_COLUMNS, (), {"type", "amount"}),
    ]
    for name, text, known, prefixes, required in selects:
        if text is None or not (rows := shop.select(text, keys=tuple(keys))):
            continue
        found = rows[0].keys()
        if mapping.key not in found:
            yield Finding("stop", name, f"does not give the key {mapping.key}")
        if unknown := unknown_columns(found, {mapping.key, *known}, prefixes):
            yield Finding("stop", name, f"gives {', '.join(unknown)}, which has no place in an order")
        if missing := sorted(required - found):
            yield Finding("stop", name, f"does not give {', '.join(missing)}")


def _look_at(row: Mapping[str, Any], shop: Snapshot, census: Census) -> None:
    """Count what is odd about an order's row."""
    mapping = shop.mapper.mapping
    key = row[mapping.key]
    for name, value in row.items():
        if isinstance(value, str) and name in TIMES:
            census.name(census.odd, f"{name} is a date that does not exist", key)
        elif isinstance(value, str) and _MOJIBAKE.search(value):
            census.name(census.odd, f"{name} looks like UTF-8 that was stored as latin1 (mojibake)", key)
        elif (
            isinstance(value, datetime)
            and value.tzinfo is None
            and is_ambiguous(value.replace(tzinfo=mapping.time_zone))
        ):
            census.name(census.odd, f"{name} exists twice or not at all in {mapping.time_zone.key}", key)


def _findings(census: Census) -> Iterator[Finding]:
    for reason, times in census.refused.most_common(_REASONS):
        yield Finding("stop", "refused", f"{times}: {reason} (such as {_named(census, reason)})")
    if len(census.refused) > _REASONS:
        yield Finding("stop", "refused", f"and for {number_of(len(census.refused) - _REASONS, 'more reason')}")
    for what, times in census.odd.most_common():
        yield Finding("look", "odd", f"{times}: {what} (such as {_named(census, what)})")
    if not census.refused:
        yield Finding("ok", "orders", f"{number_of(census.orders, 'order')}, none refused")


def _named(census: Census, what: str) -> str:
    return ", ".join(str(key) for key in census.examples[what])


def _kind(reason: str) -> str:
    """A reason with N for the numbers of one order, so that alike ones are counted together.

    What is in quotes, such as a status, is the same for many orders; so are the limits of a field.
    """
    if reason.startswith("/"):  # a place in the order, and what is wrong there
        return re.sub(r"(?<=/)\d+(?=[/:])", "N", reason)
    return re.sub(r"'[^']*'|\d+(?:\.\d+)?", lambda found: found[0] if found[0][0] == "'" else "N", reason)
