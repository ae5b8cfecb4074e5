"""`ordersctl trace`: shows an order's path across the hops, from logs, table and dead-letter queues, in one view."""

import textwrap
import time
from collections.abc import Mapping, Sequence
from typing import Any

import click
from botocore.exceptions import ClientError

from chalicelib.domain import clock
from chalicelib.domain.errors import OrderNotFound
from chalicelib.domain.orders import ErasedOrder, Order
from ordersctl.operate import order_logs
from ordersctl.operate.dlq.walk import Walk
from ordersctl.operate.order_table import order_table
from ordersctl.shared import options
from ordersctl.shared.output import Console, echo, number_of, printable, say, shortened, show
from ordersctl.shared.queues.dead_letters import DeadLetter, in_flight
from ordersctl.shared.queues.measures import reader_states
from ordersctl.shared.queues.stage_queues import StageQueues
from ordersctl.shared.runs import current
from ordersctl.shared.stage import Stage, with_stage

# Fields of a log line that have a column of their own, or are the same in every line.
_NOT_DETAILS = {"time", "where", "level", "event", "order_id", "correlation_id", "traceparent"}
Row = dict[str, Any]
_INDENT, _SHORTEST = 27, 12  # columns before what a step is, and of where it was at least


@click.command()
@click.argument("order_id", type=options.OrderId())
@click.option(
    "--hours",
    type=click.IntRange(min=1),
    help="How far back to read logs, on AWS.  [default: from its placing until 15 minutes after its last change; "
    "24 for an order that is not in the table]",
)
@options.as_json
@with_stage
def trace(*, stage: Stage, order_id: str, hours: int | None, as_json: bool) -> None:
    """Show where an order has been (accepted, placed, published, quarantined), and its state now."""
    order, queues = _stored(stage, order_id), StageQueues.of(stage)
    rows = [_from_line(line) for line in order_logs.lines_of(stage, queues, order_id, order, hours)]
    if stage.is_local and not rows:
        say(f"No log names {order_id}. {current.state_dir_hint()}", err=True)
    rows += _from_table(order)
    held = sum(in_flight(stage, queue) for queue in queues.dead)  # before the walk, which holds them itself
    dead = [_from_dead_letter(each) for each in _dead_letters(stage, queues, order_id)]
    rows += dead
    if held:
        say(f"Another command holds {number_of(held, 'dead letter')}, which may be this order's.", err=True)
    if not rows:
        raise click.ClickException(
            f"nothing is known of {order_id}: not in the table, dead-letter queues or logs. If a client holds a "
            "202 for it, its command is still on the order queue, as "
            f"{current.as_typed('queues', *stage.option)} shows.{_paused(stage, queues)}"
        )
    if order is None and not dead and not held:
        say(f"It is not stored: its command waits in the order queue.{_paused(stage, queues)}", err=True)
    rows = _in_order(rows)
    ids = ", ".join(sorted({row["correlation_id"] for row in rows if row.get("correlation_id")}))
    if as_json or not Console().is_terminal:
        show("", rows, ("time", "after_ms", "where", "what", "details"), as_json=as_json)
        return
    echo(f"{order_id}\ncorrelation id {printable(ids) or 'unknown'}")
    _show_steps(rows)


def _show_steps(rows: Sequence[Row]) -> None:
    """Print a line for each step, with its details below it: a table would have no room for them in 80 columns."""
    console, day = Console(highlight=False), None
    for row in rows:
        date, _, clock_time = (row["time"] or "").removesuffix("Z").partition("T")
        if date != day and date:
            day = date
            echo(f"\n{printable(date)} (UTC)")
        after = "" if row["after_ms"] is None else f"+{row['after_ms']:,} ms"
        what = printable(row["what"])
        where = shortened(printable(row["where"]), max(_SHORTEST, console.width - _INDENT - len(what) - 2))
        echo(f"{clock_time or 'time unknown':12}  {after:>11}  {where:<12}  {what}")
        details = printable(row["details"])
        if details:
            echo(textwrap.fill(details, console.width, initial_indent=" " * _INDENT, subsequent_indent=" " * _INDENT))


def _paused(stage: Stage, queues: StageQueues) -> str:
    """Return a sentence on what keeps the processor from reading its queue; "" when nothing does, or it is unknown."""
    try:
        state = reader_states(stage, StageQueues(queues.live[:1], ())).get("processor")
    except ClientError:  # who may trace need not be allowed to see Lambda's mappings
        return ""
    return f" The processor is {state}: {current.as_typed('resume', 'processor', *stage.option)}" if state else ""


def _stored(stage: Stage, order_id: str) -> Order | ErasedOrder | None:
    try:
        return order_table(stage).get(order_id)
    except OrderNotFound:
        return None


def _dead_letters(stage: Stage, queues: StageQueues, order_id: str) -> list[DeadLetter]:
    with Walk(stage, queues.dead) as walk:
        return [dead_letter for dead_letter in walk if dead_letter.order_id == order_id]


def _in_order(rows: Sequence[Row]) -> list[Row]:
    """Sort rows by time, those without a time last, and add the milliseconds since the first one (`after_ms`)."""
    rows = sorted(rows, key=lambda row: (row["time"] is None, row["time"] or ""))
    first = rows[0]["time"]
    return [row | {"after_ms": None if row["time"] is None else _milliseconds(first, row["time"])} for row in rows]


def _from_line(line: Mapping[str, Any]) -> Row:
    details = {name: value for name, value in line.items() if name not in _NOT_DETAILS}
    return {
        "time": line.get("time"),
        "where": line["where"],
        "what": line["event"],
        "details": _pairs(details),
        "correlation_id": line.get("correlation_id"),
    }


def _from_table(order: Order | ErasedOrder | None) -> list[Row]:
    if order is None:
        return []
    what = "erased" if isinstance(order, ErasedOrder) else order.status
    common = {"where": "table", "correlation_id": order.correlation_id}
    now = {"time": order.updated_at, "what": f"now: {what}", "details": _pairs({"version": order.version})}
    if isinstance(order, ErasedOrder):
        return [common | now]
    placed = {"time": order.placed_at, "what": "placed_at", "details": f"customer {order.customer_id}"}
    return [common | placed, common | now]


def _from_dead_letter(dead_letter: DeadLetter) -> Row:
    return {
        "time": clock.from_seconds(time.time() - dead_letter.age),
        "where": dead_letter.queue.full_name,
        "what": "dead letter",
        "details": _pairs({"id": dead_letter.id[:8], "reason": dead_letter.reason}),
    }


def _pairs(details: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in details.items() if value is not None)


def _milliseconds(start: str, end: str) -> int:
    return round((clock.to_seconds(end) - clock.to_seconds(start)) * 1_000)
