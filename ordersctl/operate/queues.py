"""`ordersctl queues`: shows how many messages wait in each queue and in the table's stream, and for how long."""

import json

import click

from ordersctl.shared import options
from ordersctl.shared.output import echo, show
from ordersctl.shared.queues.measures import queue_rows, stream_rows
from ordersctl.shared.stage import Stage, with_stage
from ordersctl.shared.throttles import MINUTES, throttles


@click.command()
@options.as_json
@with_stage
def queues(*, stage: Stage, as_json: bool) -> None:
    """Show each queue's depth, messages in flight and oldest message; the stream's lag; what DynamoDB throttled."""
    rows, streams = queue_rows(stage), stream_rows(stage)
    throttled = [each._asdict() for each in throttles(stage)]
    if as_json:
        echo(json.dumps({"queues": rows, "stream": streams, "throttled": throttled}, indent=2))
        return
    title = f"Queues of stage {stage.name}"
    show(title, rows, ("queue", "holds", "waiting", "in_flight", "oldest", "state"), as_json=False)
    echo("")
    show(
        "The table's stream, still to be published",
        streams,
        ("reader", "records", "lag", "state", "result"),
        as_json=False,
    )
    if throttled:
        echo("")
        title = f"Throttled by DynamoDB in the last {MINUTES} minutes"
        show(title, throttled, ("resource", "reason", "events"), as_json=False)
