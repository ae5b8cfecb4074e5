"""What `ordersctl run` prints: one line per order as it travels."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from chalicelib.adapters import order_items
from chalicelib.domain import clock, commands
from chalicelib.domain.errors import Poison
from chalicelib.domain.iso_codes import CURRENCY_EXPONENTS
from chalicelib.domain.orders import ErasedOrder, Order, OrderStatus
from ordersctl.shared.output import number_of, printable

_SYMBOLS = {"EUR": "€", "GBP": "£", "JPY": "¥", "USD": "$"}
_MOST_REMEMBERED = 10_000
_SHOWN_OF_ID = 12


class PrintedLines:
    """Notes when orders are stored, and reports each once, when its event is published."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._print = report
        self._stored_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def processed(self, message: dict[str, Any]) -> None:
        """Note that the processor has handled an SQS record."""
        try:
            order_id = commands.decode(message["body"]).order_id
        except Poison:
            return  # it was quarantined, and DeadLetterWatch reports that
        self._note_stored(order_id)

    def read(self, record: dict[str, Any]) -> None:
        """Note a stream record: its order is in the table, though the processor may not have returned yet."""
        if record["eventName"] == "INSERT":
            self._note_stored(record["dynamodb"]["Keys"]["order_id"]["S"])

    def published(self, record: dict[str, Any]) -> None:
        """Report a stream record whose event is published."""
        now = time.time()
        images = record["dynamodb"]
        if "NewImage" not in images:
            return  # a removed item makes no event
        try:
            after = order_items.from_item(images["NewImage"])
        except Poison as error:
            self._report(f"{_clock(now)}  a record that is not an order went to the dead-letter queue: {error}")
            return
        if "OldImage" not in images and isinstance(after, Order):
            self._report(self._first_line(after, now))
        elif (images.get("OldImage") or {}).get(order_items.VERSION) != images["NewImage"].get(order_items.VERSION):
            self._report(_change_line(after, images.get("OldImage") or {}, now))

    def _report(self, line: str) -> None:
        self._print(printable(line))  # a violation's pointer holds a name that the client chose

    def _first_line(self, order: Order, published_at: float) -> str:
        with self._lock:
            stored_at = self._stored_at.pop(order.order_id, published_at)
        accepted_at = _seconds(order.placed_at)
        steps = (
            f"accepted → {order.status} {_after(accepted_at, stored_at)}"
            f" → published {_after(accepted_at, published_at)}"
        )
        if order.status == OrderStatus.REJECTED:
            reasons = "; ".join(f"{each.pointer or '/'}: {each.detail}" for each in (order.violations or ())[:3])
            return f"{_head(order, accepted_at)}  {steps}  ({reasons})"
        lines = number_of(order.item_count, "line")
        return f"{_head(order, accepted_at)}  {money(order.total, order.currency)}  {lines}  {steps}"

    def _note_stored(self, order_id: str) -> None:
        with self._lock:
            if len(self._stored_at) >= _MOST_REMEMBERED:  # forget ids of duplicates, whose event never comes
                self._stored_at.clear()
            self._stored_at.setdefault(order_id, time.time())


def money(minor_units: int, currency: str | None) -> str:
    """Write an amount of minor units in its currency (ISO 4217): 13912 of GBP is £139.12."""
    if currency not in CURRENCY_EXPONENTS:
        return str(minor_units)
    exponent = CURRENCY_EXPONENTS[currency]
    whole, rest = divmod(minor_units, 10**exponent)
    amount = f"{whole:,}.{rest:0{exponent}}" if exponent else f"{whole:,}"
    return f"{_SYMBOLS[currency]}{amount}" if currency in _SYMBOLS else f"{currency} {amount}"


def _change_line(order: Order | ErasedOrder, before: order_items.Item, published_at: float) -> str:
    changed_at = _seconds(order.updated_at)
    if isinstance(order, ErasedOrder):
        return (
            f"{_clock(changed_at)}  {_short(order.order_id)}  erased v{order.version}"
            f" → published {_after(changed_at, published_at)}"
        )
    status_before = before.get(order_items.STATUS, {}).get("S")
    what = "changed" if status_before == order.status else order.status
    return f"{_head(order, changed_at)}  {what} v{order.version} → published {_after(changed_at, published_at)}"


def _head(order: Order, at: float) -> str:
    return f"{_clock(at)}  {_short(order.order_id)}  customer {order.customer_id}"


def _short(order_id: str) -> str:
    return f"{order_id[:_SHOWN_OF_ID]}…"


def _after(start: float, end: float) -> str:
    milliseconds = max(0, round((end - start) * 1000))
    return f"+{milliseconds} ms" if milliseconds < 10_000 else f"+{milliseconds / 1000:.1f} s"  # noqa: PLR2004


def _seconds(timestamp: str) -> float:
    """Return a time in seconds since 1970; 0 for any other text: a line on a screen must not stop an order."""
    try:
        return clock.to_seconds(timestamp)
    except (ValueError, OverflowError):
        return 0.0


def _clock(seconds: float) -> str:
    try:
        local_time = datetime.fromtimestamp(seconds, UTC).astimezone()
    except (ValueError, OverflowError):  # a time near the ends of the calendar
        return "--:--:--.---"
    return local_time.isoformat(sep=" ", timespec="milliseconds")[11:23]
