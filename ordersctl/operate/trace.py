"""`ordersctl trace`: an order's way across the hops, from logs, table and dead-letter queues, in one view."""

import json
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import click

from chalicelib.adapters.order_table import OrderTable
from chalicelib.domain import clock
from chalicelib.domain.errors import OrderNotFound
from chalicelib.domain.order_ids import is_well_formed
from chalicelib.domain.orders import ErasedOrder, Order
from ordersctl.operate.dlq import dead_letters
from ordersctl.operate.stage_queues import StageQueues
from ordersctl.shared import project
from ordersctl.shared.output import show
from ordersctl.shared.stage import Stage, as_json, with_stage

# Of a log line: shown elsewhere, or the same for every line.
_TOLD_APART = {"time", "where", "level", "event", "order_id", "correlation_id", "traceparent"}
_SPARE_SECONDS = 60  # that clocks may differ


@click.command()
@click.argument("order_id")
@click.option(
    "--hours", type=click.IntRange(min=1), default=24, show_default=True, help="How far back to read logs, on AWS."
)
@as_json
@with_stage
def trace(*, stage: Stage, order_id: str, hours: int, as_json: bool) -> None:
    """Show where an order has been: accepted, placed, published, quarantined; and what it is now."""
    if not is_well_formed(order_id):
        raise click.BadParameter(f"{order_id} is no order id.", param_hint="ORDER_ID")
    order, known = _stored(stage, order_id), StageQueues.of(stage)
    lines = _local_lines if stage.is_local else _CloudWatch(stage, known, hours).lines
    rows = [_from_line(line) for line in _of_order(lines, order_id, order)]
    if stage.is_local and not rows:
        click.echo(f"No log names {order_id}. {project.where_else()}", err=True)
    rows += _from_table(order)
    rows += [_from_letter(letter) for letter in _dead_letters(stage, known, order_id)]
    # What somebody else's consumer logged without a time comes last.
    rows.sort(key=lambda row: (row["time"] is None, row["time"] or ""))
    if not rows:
        raise click.ClickException(
            f"nothing is known of {order_id}: not in the table, dead-letter queues or logs. If a client holds a "
            "202 for it, its command is still on the order queue: ordersctl queues."
        )
    for row in rows:
        timed = row["time"] is not None
        row["after_ms"] = round((_seconds(row["time"]) - _seconds(rows[0]["time"])) * 1_000) if timed else None
    ids = ", ".join(sorted({row["correlation_id"] for row in rows if row.get("correlation_id")}))
    show(
        f"{order_id}, correlation id {ids or 'unknown'}",
        rows,
        ("time", "after_ms", "where", "what", "details"),
        as_json=as_json,
    )


def _stored(stage: Stage, order_id: str) -> Order | ErasedOrder | None:
    try:
        return OrderTable(stage.client("dynamodb"), stage.output("OrderTable")).get(order_id)
    except OrderNotFound:
        return None


def _of_order(lines: Any, order_id: str, order: Order | ErasedOrder | None) -> list[dict[str, Any]]:
    """The log lines that name the order, then those that share their correlation ids."""
    named = list(lines([order_id]))
    ids = {str(line["correlation_id"]) for line in named if line.get("correlation_id")}
    if order is not None:
        ids.add(order.correlation_id)
    found = {json.dumps(line, sort_keys=True): line for line in [*named, *(lines(sorted(ids)) if ids else [])]}
    # An order of its own may share a correlation id, when a client sends the same one with two.
    return [line for line in found.values() if line.get("order_id", order_id) == order_id]


def _local_lines(words: Iterable[str]) -> Iterator[dict[str, Any]]:
    wanted = list(words)
    for path in sorted((project.state_dir() / "logs").glob("*.log")):
        for text in path.read_text(errors="replace").splitlines():
            if any(word in text for word in wanted) and (line := _parsed(text)) is not None:
                yield {"where": path.stem, **line}


class _CloudWatch:
    """The log groups of a stage's functions, and of its consumers where they are named as the sample ones are."""

    def __init__(self, stage: Stage, known: StageQueues, hours: int) -> None:
        self._logs = stage.client("logs")
        self._since = int((time.time() - hours * 3_600 - _SPARE_SECONDS) * 1_000)
        # The API's function has the stage's name alone, the others have it and their own.
        common = "/aws/lambda/orders-"
        name = f"{common}{stage.name}"
        begins = [f"{name}-", *(f"{common}{queue.name}-{stage.name}-" for queue in known.live)]
        pages = self._logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=common)
        groups = (group["logGroupName"] for page in pages for group in page["logGroups"])
        self._groups = [group for group in groups if group == name or group.startswith(tuple(begins))]

    def lines(self, words: Iterable[str]) -> Iterator[dict[str, Any]]:
        pattern = " ".join(f'?"{word}"' for word in words)
        for group in self._groups:
            pages = self._logs.get_paginator("filter_log_events").paginate(
                logGroupName=group, filterPattern=pattern, startTime=self._since
            )
            for event in (event for page in pages for event in page["events"]):
                if (line := _parsed(event["message"])) is not None:
                    yield {
                        "where": group.rpartition("/")[2],
                        "time": clock.from_seconds(event["timestamp"] / 1_000),
                        **line,
                    }


def _parsed(text: str) -> dict[str, Any] | None:
    """A line that names what happened, as our own and the consumers' do; None for any other."""
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) and "event" in line else None


def _from_line(line: dict[str, Any]) -> dict[str, Any]:
    details = {name: value for name, value in line.items() if name not in _TOLD_APART}
    return {
        "time": line.get("time"),
        "where": line["where"],
        "what": line["event"],
        "details": _pairs(details),
        "correlation_id": line.get("correlation_id"),
    }


def _from_table(order: Order | ErasedOrder | None) -> list[dict[str, Any]]:
    if order is None:
        return []
    what = "erased" if isinstance(order, ErasedOrder) else order.status.value
    common = {"where": "table", "correlation_id": order.correlation_id}
    now = {"time": order.updated_at, "what": f"now: {what}", "details": _pairs({"version": order.version})}
    if isinstance(order, ErasedOrder):
        return [common | now]
    placed = {"time": order.placed_at, "what": "placed_at", "details": f"customer {order.customer_id}"}
    return [common | placed, common | now]


def _dead_letters(stage: Stage, known: StageQueues, order_id: str) -> list[dead_letters.Letter]:
    found = [letter for queue in known.dead for letter in dead_letters.look_through(stage, queue)]
    return [letter for letter in found if letter.order_id == order_id]


def _from_letter(letter: dead_letters.Letter) -> dict[str, Any]:
    return {
        "time": clock.from_seconds(time.time() - letter.age),
        "where": letter.queue.full_name,
        "what": "dead letter",
        "details": _pairs({"id": letter.id[:8], "reason": letter.reason}),
    }


def _pairs(details: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in details.items() if value is not None)


def _seconds(moment: str) -> float:
    parsed = datetime.fromisoformat(moment)
    return parsed.replace(tzinfo=parsed.tzinfo or UTC).timestamp()
