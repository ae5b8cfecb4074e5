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
from ordersctl.shared.output import printable, shortened

_SYMBOLS = {"EUR": "€", "GBP": "£", "JPY": "¥", "USD": "$"}
_MOST_REMEMBERED = 10_000
_SHORT_ORDER_ID = 13  # as in the tables of other commands
_SHORTEST_ORDER_ID, _SHORTEST_CUSTOMER = 7, 5


class PrintedLines:
    """Notes when orders are stored, and reports each once, when its event is published.

    `columns` returns the terminal's width, which lines fit because ids are shortened; None where there is no terminal.
    """

    def __init__(self, report: Callable[[str], None], columns: Callable[[], int | None] = lambda: None) -> None:
        self._print = report
        self._columns = columns
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
            self._report(self._change_line(after, images.get("OldImage") or {}, now))

    def _report(self, line: str) -> None:
        self._print(printable(line))  # a violation's pointer holds a name that the client chose

    def _first_line(self, order: Order, published_at: float) -> str:
        with self._lock:
            stored_at = self._stored_at.pop(order.order_id, published_at)
        accepted_at = _seconds(order.placed_at)
        steps = f"{order.status} {_after(accepted_at, stored_at)} → published {_after(accepted_at, published_at)}"
        if order.status == OrderStatus.REJECTED:
            reasons = "; ".join(f"{each.pointer or '/'}: {each.detail}" for each in (order.violations or ())[:3])
            return f"{self._line(accepted_at, order, steps)}  ({reasons})"
        return self._line(accepted_at, order, f"{money(order.total, order.currency)}  {steps}")

    def _change_line(self, order: Order | ErasedOrder, before: order_items.Item, published_at: float) -> str:
        changed_at = _seconds(order.updated_at)
        if isinstance(order, ErasedOrder):
            what = "erased"
        else:
            what = "changed" if before.get(order_items.STATUS, {}).get("S") == order.status else order.status
        return self._line(changed_at, order, f"{what} v{order.version} → published {_after(changed_at, published_at)}")

    def _line(self, at: float, order: Order | ErasedOrder, what: str) -> str:
        order_id, customer_id = order.order_id, "" if isinstance(order, ErasedOrder) else order.customer_id
        if (columns := self._columns()) is not None:
            room = columns - len(f"{_clock(at)}    {'  ' if customer_id else ''}{what}")  # for both ids
            if len(order_id) + len(customer_id) > room:
                most = min(_SHORT_ORDER_ID, room - min(len(customer_id), _SHORTEST_CUSTOMER))
                order_id = f"{order_id[: max(most, _SHORTEST_ORDER_ID) - 1]}…"
                customer_id = shortened(customer_id, max(room - len(order_id), 3))
        return "  ".join(each for each in (_clock(at), order_id, customer_id, what) if each)

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


def _after(start: float, end: float) -> str:
    seconds = max(0.0, end - start)
    if seconds < 10:  # noqa: PLR2004
        return f"+{seconds * 1000:.0f} ms"
    return f"+{seconds:.{1 if seconds < 100 else 0}f} s"  # noqa: PLR2004


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
        return "--:--:--"
    return local_time.isoformat(sep=" ", timespec="seconds")[11:19]
