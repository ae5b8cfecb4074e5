"""Measures how far the publisher is, so that a replay overtakes no event that is still to be published.

A consumer drops an event that is older than one it has handled (docs/guide/events.md): an order's second version would
be lost on it if a replay published the third one first.
"""

import time
from collections.abc import Sequence
from typing import Any

import click

from chalicelib.domain import clock
from chalicelib.domain.orders import ErasedOrder, Order
from ordersctl.operate.replay.orders import Page
from ordersctl.shared.output import duration, number_of, say
from ordersctl.shared.queues.measures import METRIC_MINUTES, stream_rows
from ordersctl.shared.runs.current import as_typed
from ordersctl.shared.stage import Stage

_PATIENCE_SECONDS = 3.0  # seconds to wait for events that a local publisher has not published yet
_POLL_SECONDS = 0.1
_ASK_AGAIN_SECONDS = 30
# On AWS a lag shows in CloudWatch some minutes late. So orders that changed within those minutes are left out.
_LONGEST_LAG_SECONDS = 60
_METRIC_DELAY_SECONDS = 300
_WORKS = ("OK", "No records processed")  # the beginning of LastProcessingResult for a mapping without trouble


class PublisherLag:
    """Watches the publisher while a replay runs. Times are in seconds since 1970."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._asked_at = 0.0
        self._published_until = 0.0

    def published_until(self, moment: float) -> float:
        """Return `moment` or an earlier time, before which every change has been published.

        Raises ClickException, which says how far the publisher is behind.
        """
        if self._stage.is_local:
            self._wait_for(moment)
            return moment
        if time.time() - self._asked_at > _ASK_AGAIN_SECONDS:
            self._ask()
        return self._published_until

    def without_recent(self, page: Page) -> list[Order | ErasedOrder]:
        """Return the orders of a page, which was read just now, whose last change has been published."""
        read_at = time.time()
        until = self.published_until(read_at)
        orders = [order for order in page.orders if order is not None]
        if until >= read_at:
            return orders
        return [order for order in orders if _changed_before(order, clock.from_seconds(until))]

    def _wait_for(self, moment: float) -> None:
        """Wait for a moment until every change before it is published, by the local run's checkpoints."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            asked_at = time.time()
            rows = stream_rows(self._stage)
            waiting = [row for row in rows if row["records"] != 0]
            if all(row["lag"] is not None and asked_at - row["lag"] - _POLL_SECONDS > moment for row in waiting):
                return
            if time.monotonic() > deadline or any(row["lag"] is None for row in waiting):
                raise self._behind(waiting)
            time.sleep(_POLL_SECONDS)  # there is no notification of a checkpoint: poll it

    def _ask(self) -> None:
        """Ask Lambda and CloudWatch."""
        asked_at = time.time()
        rows = stream_rows(self._stage)
        if not rows:
            raise click.ClickException(f"no function reads the table's stream. {self._advice}")
        if waiting := [row for row in rows if not _keeps_up(row)]:
            raise self._behind(waiting)
        # Without a recent measurement nothing was published lately: recent changes are at best on their way.
        is_idle = any(row["lag"] is None for row in rows)
        self._asked_at = asked_at
        self._published_until = asked_at - (METRIC_MINUTES * 60 if is_idle else _METRIC_DELAY_SECONDS)

    def _behind(self, rows: Sequence[dict[str, Any]]) -> click.ClickException:
        return click.ClickException(f"the publisher is behind: {'; '.join(map(_described, rows))}. {self._advice}")

    @property
    def _advice(self) -> str:
        return (
            "A replay would overtake events that are still to be published, and consumers would drop those. Wait until "
            f"{as_typed('queues', *self._stage.option)} shows no lag; if the publisher has stopped, see "
            "IteratorAgeAlarm in docs/operate/operations.md."
        )


def _keeps_up(row: dict[str, Any]) -> bool:
    return row["state"] == "Enabled" and row["result"].startswith(_WORKS) and (row["lag"] or 0) <= _LONGEST_LAG_SECONDS


def _changed_before(order: Order | ErasedOrder, until: str) -> bool:
    if order.updated_at < until:
        return True
    say(f"{order.order_id} is left: it changed at {order.updated_at}, and may still be on its way.", err=True)
    return False


def _described(row: dict[str, Any]) -> str:
    records = None if row["records"] is None else number_of(row["records"], "record")
    lag = "by an unknown time" if row["lag"] is None else duration(row["lag"])
    trouble = None if row["state"] in {None, "Enabled"} else row["state"]
    result = None if not row["result"] or row["result"].startswith(_WORKS) else row["result"]
    return f"{row['reader']} {', '.join(part for part in (records, lag, trouble, result) if part)}"
