"""`ordersctl queues`: shows how many messages wait in each queue and in the table's stream, and for how long."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import click

from chalicelib.domain import clock
from ordersctl.shared import options
from ordersctl.shared.output import Console, after_ctrl_c, echo, say, show
from ordersctl.shared.queues.measures import stream_rows
from ordersctl.shared.queues.states import NOBODY, STUCK, WHY_STUCK, queue_rows
from ordersctl.shared.runs.current import as_typed
from ordersctl.shared.stage import Stage, with_stage
from ordersctl.shared.switches import CONSUMERS
from ordersctl.shared.throttles import MINUTES, throttles

Rows = Sequence[Mapping[str, Any]]
_SECONDS = 2, 30  # between two measurements, locally and on AWS: CloudWatch's cost money, and are minutes late


@click.command()
@options.as_json
@click.option("--watch", is_flag=True, help="Measure again and again, until Ctrl-C; JSON is then one line each time.")
@click.option(
    "--every",
    metavar="SECONDS",
    type=click.IntRange(1, 3_600),
    help=f"How often, with --watch.  [default: {_SECONDS[0]}; {_SECONDS[1]} on AWS]",
)
@with_stage
def queues(*, stage: Stage, as_json: bool, watch: bool, every: int | None) -> None:
    """Show each queue's depth, messages in flight and oldest message; the stream's lag; what DynamoDB throttled."""
    if every is not None and not watch:
        raise click.UsageError("--every needs --watch.")
    if not watch:
        _show(stage, _measured(stage), as_json=as_json, indent=2)
        return
    is_pipe, first = not Console().is_terminal, True
    try:
        while True:
            found = _measured(stage)
            if not as_json:
                click.clear()  # does nothing where the output is not a terminal
                if is_pipe and not first:
                    echo("")
                echo(f"{clock.now()}  Ctrl-C ends it", err=is_pipe)
            first = False
            _show(stage, found, as_json=as_json, indent=None)
            time.sleep(every or _SECONDS[0 if stage.is_local else 1])
    except KeyboardInterrupt:
        after_ctrl_c()


def _measured(stage: Stage) -> dict[str, Rows]:
    return {
        "queues": queue_rows(stage),
        "stream": stream_rows(stage),
        "throttled": [each._asdict() for each in throttles(stage)],
    }


def _show(stage: Stage, found: Mapping[str, Rows], *, as_json: bool, indent: int | None) -> None:
    if as_json:
        echo(json.dumps(found, indent=indent))
        return
    title = f"Queues of stage {stage.name}"
    show(title, found["queues"], ("queue", "holds", "waiting", "in_flight", "oldest", "state"), as_json=False)
    if stuck := [row["queue"] for row in found["queues"] if row["state"] == STUCK]:
        say(f"Stuck: {', '.join(stuck)}. The oldest message waits for long: {WHY_STUCK}.", err=True)
    echo("")
    title = "The table's stream, still to be published"
    show(title, found["stream"], ("reader", "records", "lag", "state", "result"), as_json=False)
    if throttled := found["throttled"]:
        echo("")
        title = f"Throttled by DynamoDB in the last {MINUTES} minutes"
        show(title, throttled, ("resource", "reason", "events"), as_json=False)
    unread = [row["queue"] for row in found["queues"] if row["state"] == NOBODY and row["queue"] in CONSUMERS]
    if stage.is_local and unread:
        starts = f"{as_typed('resume', *unread)} starts the samples, make run ARGS=--with-consumers starts with all"
        say(f"No consumer of {', '.join(unread)} runs: {starts}.", err=True)
