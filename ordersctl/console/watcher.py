"""What the console knows of a stage, kept current while somebody looks."""

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

from ordersctl.console.acts import Acts, Known
from ordersctl.console.flow import Flow, Row
from ordersctl.console.gauges import Group, groups_of
from ordersctl.console.sources import Source

_TICK_SECONDS, _IDLE_SECONDS = 0.2, 1.0  # between two looks at the logs, with a viewer and without
_SILENCE_SECONDS = 5.0  # after which a viewer gets the message that nothing happened
_KEPT_DEPTHS = 300
_MISSED_LOOKS = 5  # at the queues, after which a viewer gets the message that they do not answer
_FIRST_ORDERS, _MOST_ORDERS = 60, 40


class Watcher:
    """One stage, for any number of viewers. Without a viewer it reads new log lines once a second, and nothing else."""

    def __init__(self, source: Source, acts: Acts) -> None:
        self.flow = Flow()
        self.viewers = 0
        self._source = source
        self._acts = acts
        self._gauges: dict[str, Any] = {}
        self._groups: dict[str, Group] = {}
        self._error: str | None = None
        self._rows = source.first_rows
        self._depths: deque[list[float]] = deque(maxlen=_KEPT_DEPTHS)
        self._asked = 0.0  # when the gauges were asked for last, by the monotonic clock
        self._wanted = 0.0  # and when they are to be read next
        self._tick = asyncio.Condition()

    async def run(self) -> None:
        """Watch until cancelled."""
        reading: asyncio.Task[None] | None = None
        while True:
            for where, line in self._source.lines():
                self.flow.take(where, line)
            if self.viewers:
                if time.monotonic() >= self._wanted and (reading is None or reading.done()):
                    reading = asyncio.create_task(self.look())
                elif reading is not None and not reading.done():
                    self._note_silence()
                async with self._tick:
                    self._tick.notify_all()
            await asyncio.sleep(_TICK_SECONDS if self.viewers else _IDLE_SECONDS)

    def _note_silence(self) -> None:
        """Note that the queues have not answered for a while: a call that hangs raises no error for a minute."""
        limit = _MISSED_LOOKS * self._source.gauge_seconds
        if time.monotonic() - self._asked > limit:
            self._error = f"no answer for more than {limit:g} s"

    async def look(self) -> None:
        """Read the gauges now."""
        self._asked = time.monotonic()
        self._wanted = self._asked + self._source.gauge_seconds
        try:
            gauges = await asyncio.to_thread(self._source.gauges.read)
            self._rows = await asyncio.to_thread(self._source.rows)
        except Exception as error:  # noqa: BLE001 - queues hold what anyone wrote: whatever it does is said on the page
            self._error = f"{type(error).__name__}: {error}"
            return
        self._error = None
        groups = gauges.pop("groups")
        if groups is not None or not any(row["waiting"] + row["in_flight"] for row in gauges["dead"]):
            self.set_groups(groups or [])
        self._acts.known = Known(self._groups, tuple(gauges["states"]))
        self._gauges = gauges
        waiting = [row["waiting"] + row["in_flight"] for row in gauges["live"]]
        self._depths.append([gauges["at"], *waiting, sum(row["waiting"] for row in gauges["dead"])])

    def set_groups(self, groups: list[Group]) -> None:
        """Note the dead letters by queue and reason."""
        self._groups = {group.id: group for group in groups}
        self._acts.known = Known(self._groups, self._acts.known.readers)

    def list_dead_letters(self, rows: list[dict[str, Any]]) -> None:
        """Note what `ordersctl dlq list --json` printed."""
        self.set_groups(groups_of(rows))

    async def messages(self, about: dict[str, Any]) -> AsyncIterator[str]:
        """Yield a viewer's messages, lines of JSON with a kind and its data, beginning with all that is known."""
        with self._viewer():
            flow, seen = self.flow, _Sent(self.flow)
            first = {
                **about,
                "window": self._source.window_seconds,
                "orders": flow.changed(0, _FIRST_ORDERS),
                "depths": list(self._depths),
            }
            yield _line("hello", first)
            while True:
                if news := seen.news(self):
                    yield _line("tick", {"now": round(time.time() * 1000), **news})
                async with self._tick:
                    await self._tick.wait()

    @contextmanager
    def _viewer(self) -> Iterator[None]:
        self.viewers += 1
        try:
            yield
        finally:
            self.viewers -= 1

    @property
    def metric_rows(self) -> list[Row] | None:
        """The rows of the plots, where they come from metrics; None where they follow from the log lines."""
        return self._rows

    def gauged(self) -> dict[str, Any]:
        """Return the last gauges, the newest point of the depths, and the error that keeps them from being read."""
        groups = [group.shown() for group in self._groups.values()]
        depth = self._depths[-1] if self._depths else None
        return {**self._gauges, "groups": groups, "depth": depth, "error": self._error}


class _Sent:
    """What one viewer has been sent already."""

    def __init__(self, flow: Flow) -> None:
        self._changes = flow.changes
        self._trouble = max(0, flow.trouble_count - len(flow.trouble))
        self._totals: dict[str, int] = {}
        self._gauges: dict[str, Any] = {}
        self._plotted = 0
        self._metrics: list[Row] | None = None
        self._sent_at = 0.0
        self._was_busy = False

    def news(self, watcher: Watcher) -> dict[str, Any]:
        """Return what has changed since the last call; nothing when nothing has, but for a sign of life."""
        flow = watcher.flow
        out: dict[str, Any] = {}
        if flow.changes != self._changes:
            out["orders"] = flow.changed(self._changes, _MOST_ORDERS)
            self._changes = flow.changes
        if flow.totals != self._totals or not self._sent_at:
            out["totals"], out["ledger"] = dict(flow.totals), flow.ledger()
            self._totals = dict(flow.totals)
        if rows := self._rows(watcher):
            out["rows"] = rows
        if flow.trouble_count != self._trouble:
            out["trouble"] = list(flow.trouble)[-(flow.trouble_count - self._trouble) :]
            self._trouble = flow.trouble_count
        if (gauges := watcher.gauged()) != self._gauges:
            out["gauges"] = self._gauges = gauges
        now = time.monotonic()
        if not out and now - self._sent_at < _SILENCE_SECONDS:
            return {}
        self._sent_at = now
        return out or {"idle": True}

    def _rows(self, watcher: Watcher) -> list[Row]:
        """Return the new rows of the plots; of metrics all rows, since CloudWatch corrects what it said before."""
        if watcher.metric_rows is not None:
            changed, self._metrics = watcher.metric_rows is not self._metrics, watcher.metric_rows
            return watcher.metric_rows if changed else []
        rows = watcher.flow.rows(self._plotted)
        if not rows:
            return []
        self._plotted = int(rows[-1][0] or 0)
        # A second in which nothing passed is sent once: the page draws those after it by itself.
        news = len(rows) > 1 or any(rows[0][1:5]) or self._was_busy
        self._was_busy = any(rows[-1][1:5])
        return rows if news else []


def _line(kind: str, data: dict[str, Any]) -> str:
    return json.dumps([kind, data], separators=(",", ":")) + "\n"
