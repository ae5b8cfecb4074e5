"""Orders as the log lines show them: each order's hops, counts by second, what is lost or doubled, and trouble.

Everything is kept in rings of fixed size: the console may run for days.
"""

import sys
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

KEPT_ORDERS = 2_000
KEPT_SECONDS = 600
KEPT_TROUBLE = 100
KEPT_WAITING = 200_000  # ids of orders that are accepted and not stored yet
HOPS_OF_AN_ORDER = 40
SAMPLES_OF_A_SECOND = 500
DETAIL_CHARACTERS = 300
_TROUBLE = {"WARNING", "ERROR", "CRITICAL"}
_STORED = {"order.placed": "placed", "order.rejected": "rejected", "order.already_there": "repeated"}
_DETAILS = ("type", "version", "status", "reason", "placed_after_ms")
_CHANGED = {"order.updated": "updated", "order.erased": "erased"}

Line = Mapping[str, Any]
Row = list[float | int | None]


@dataclass
class _Order:
    id: str
    change: int = 0  # which change of the flow was the last one of this order
    status: str = "accepted"
    version: int = 0
    hops: list[list[Any]] = field(default_factory=list)  # [milliseconds since 1970, hop, where, details]
    seen: set[tuple[str, str]] = field(default_factory=set)

    def shown(self) -> dict[str, Any]:
        return {"id": self.id, "status": self.status, "hops": self.hops}


class Flow:
    """What has passed each hop."""

    def __init__(self) -> None:
        self.changes = 0
        self.totals: Counter[str] = Counter()
        self.trouble: deque[dict[str, Any]] = deque(maxlen=KEPT_TROUBLE)
        self.trouble_count = 0
        self.twice = 0
        self._orders: OrderedDict[str, _Order] = OrderedDict()
        self._waiting: OrderedDict[str, None] = OrderedDict()
        self._seconds: OrderedDict[int, _Second] = OrderedDict()

    def take(self, where: str, line: Line) -> None:
        """Take in one log line of a process, of any order in time and of any content."""
        event, at = line.get("event"), _seconds(line.get("time"))
        if not isinstance(event, str) or at is None:
            return
        if str(line.get("level")) in _TROUBLE:
            self._note_trouble(where, event, line)
        if (hop := _hop(event)) is None:
            return
        self.totals[hop] += 1
        self._second(int(at)).take(hop, line)
        if isinstance(order_id := line.get("order_id"), str):
            self._note(order_id, hop, at, where, line)

    def ledger(self) -> dict[str, int]:
        """Return how many orders were accepted, how many of them wait, and how many effects came twice."""
        accepted = self.totals["accepted"]
        return {"accepted": accepted, "waiting": len(self._waiting), "twice": self.twice}

    def shown(self, order_id: str) -> dict[str, Any] | None:
        """Return an order's hops; None when it is not among the last ones."""
        found = self._orders.get(order_id)
        return None if found is None else found.shown()

    def changed(self, since: int, most: int) -> list[dict[str, Any]]:
        """Return the newest orders that changed after the change `since`, oldest first."""
        found: list[dict[str, Any]] = []
        for order in reversed(self._orders.values()):
            if order.change > since:
                found.append(order.shown())
                if len(found) >= most:
                    break
        return found[::-1]

    def rows(self, since: int, now: float | None = None) -> list[Row]:
        """Return a row for each whole second after `since`, of the last five minutes.

        time, accepted, stored, published, handled, p50 and p95 to stored, p50 and p95 to published (milliseconds).
        """
        end = int(time.time() if now is None else now)
        return [[t, *self._seconds.get(t, _EMPTY).row()] for t in range(max(since + 1, end - 300), end)]

    def _note_trouble(self, where: str, event: str, line: Line) -> None:
        raised = line.get("exception")
        why = line.get("reason") or line.get("detail") or (raised[0] if isinstance(raised, list) and raised else "")
        self.trouble.append(
            {"time": str(line["time"]), "where": where, "event": event, "why": str(why)[:DETAIL_CHARACTERS]}
        )
        self.trouble_count += 1

    def _note(self, order_id: str, hop: str, at: float, where: str, line: Line) -> None:
        order = self._orders.get(order_id)
        if order is None:
            order = self._orders[order_id] = _Order(order_id)
            if len(self._orders) > KEPT_ORDERS:
                self._orders.popitem(last=False)
        self.changes += 1
        order.change = self.changes
        self._account(order, hop, line)
        if len(order.hops) < HOPS_OF_AN_ORDER:
            details = {name: shown for name in _DETAILS if (shown := _shown(line.get(name))) is not None}
            order.hops.append([round(at * 1000), hop, where, details])
        # Files are read one after another, so lines come out of order: the highest version says what the order is.
        version = 1 if hop in {"placed", "rejected"} else line.get("version", 0) if hop in {"updated", "erased"} else 0
        if isinstance(version, int) and version > order.version:
            order.version = version
            order.status = str(line.get("status") or hop)[:DETAIL_CHARACTERS]

    def _account(self, order: _Order, hop: str, line: Line) -> None:
        stored = order.version > 0
        if hop == "accepted" and not stored:
            self._waiting[order.id] = None
            if len(self._waiting) > KEPT_WAITING:
                self._waiting.popitem(last=False)
        elif hop in {"placed", "rejected", "repeated"}:
            self._waiting.pop(order.id, None)
        effect = str(line.get("event_id", ""))
        # One store per order, and one handling per event and consumer. A publication may come twice: consumers drop it.
        if hop in {"placed", "rejected"} or (hop.startswith("handled:") and effect):
            key = ("stored", "") if hop in {"placed", "rejected"} else (hop, effect)
            self.twice += key in order.seen
            order.seen.add(key)

    def _second(self, second: int) -> "_Second":
        found = self._seconds.get(second)
        if found is None:
            found = self._seconds[second] = _Second()
            while len(self._seconds) > KEPT_SECONDS:
                self._seconds.popitem(last=False)
        return found


class _Second:
    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._placed: list[float] = []
        self._published: list[float] = []

    def take(self, hop: str, line: Line) -> None:
        self._counts[hop.partition(":")[0]] += 1
        if hop == "placed":
            _sample(self._placed, line.get("placed_after_ms"))
        elif hop == "published" and line.get("version") == 1:
            _sample(self._published, line.get("published_after_ms"))

    def row(self) -> Row:
        stored = self._counts["placed"] + self._counts["rejected"]
        counts: Row = [self._counts["accepted"], stored, self._counts["published"], self._counts["handled"]]
        placed, published = sorted(self._placed), sorted(self._published)
        return [*counts, *(quantile(values, share) for values in (placed, published) for share in (0.5, 0.95))]


_EMPTY = _Second()


def quantile(values: Sequence[float], share: float) -> float | None:
    """Return the value below which a share of sorted values lies; None of no values."""
    return values[min(len(values) - 1, int(len(values) * share))] if values else None


def _shown(value: Any) -> str | float | None:
    """Return a detail of a log line as the page can read it; None for what is neither text nor a number in JSON."""
    if isinstance(value, str):
        return value[:DETAIL_CHARACTERS]
    return value if _is_number(value) else None


def _is_number(value: Any) -> bool:
    """Return whether a value is a number that JSON has: neither NaN nor infinite."""
    return isinstance(value, int | float) and abs(value) <= sys.float_info.max


def _sample(samples: list[float], value: Any) -> None:
    if _is_number(value) and len(samples) < SAMPLES_OF_A_SECOND:
        samples.append(value)


def _hop(event: str) -> str | None:
    if event == "order.accepted":
        return "accepted"
    if event == "event.published":
        return "published"
    consumer, _, what = event.partition(".")
    if what == "handled":
        return f"handled:{consumer}"
    return _STORED.get(event) or _CHANGED.get(event)


def _seconds(moment: Any) -> float | None:
    try:
        return datetime.fromisoformat(moment).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
