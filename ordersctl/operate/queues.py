"""`ordersctl queues`: shows how many messages wait in each queue and in the table's stream, and for how long."""

import json

import click

from ordersctl.operate.queue_measures import queue_rows, stream_rows
from ordersctl.shared import options
from ordersctl.shared.output import echo, show
from ordersctl.shared.stage import Stage, with_stage


@click.command()
@options.as_json
@with_stage
def queues(*, stage: Stage, as_json: bool) -> None:
    """Show each queue's depth, messages in flight and oldest message; the dead-letter queues; the stream's lag."""
    rows, streams = queue_rows(stage), stream_rows(stage)
    if as_json:
        echo(json.dumps({"queues": rows, "stream": streams}, indent=2))
        return
    title = f"Queues of stage {stage.name}"
    show(title, rows, ("queue", "holds", "waiting", "in_flight", "oldest"), as_json=False)
    show(
        "The table's stream, still to be published",
        streams,
        ("reader", "records", "lag", "state", "result"),
        as_json=False,
    )
