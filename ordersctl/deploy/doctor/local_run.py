"""The checks of the local run, in the order in which something may be missing: machine, processes, then orders."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from ordersctl.deploy.doctor.findings import Finding
from ordersctl.shared.engine_client import HEALTH, get_json
from ordersctl.shared.output import duration, number_of
from ordersctl.shared.queues.measures import reader_states, row, stream_rows
from ordersctl.shared.queues.stage_queues import StageQueues
from ordersctl.shared.queues.states import NOBODY, STUCK, WHY_STUCK, queue_rows
from ordersctl.shared.runs.current import as_typed
from ordersctl.shared.runs.state_file import Run, is_alive
from ordersctl.shared.stage import Stage
from ordersctl.shared.switches import CONSUMERS

_PYTHON = (3, 11)  # as pyproject.toml requires
_FREE_BYTES = 200_000_000  # logs and checkpoints of a long day
_CLOCK_SECONDS = 2
_LAG_SECONDS = 60
_AGAIN = "stop the run, and start it again: make run. Its orders are lost: the engine keeps them in memory"


def examine_run(stage: Stage, run: Run) -> Iterator[Finding]:
    """Check the machine, the run's processes and what its queues hold; raises botocore's errors."""
    yield from _machine(Path(run.state_dir))
    yield from _processes(run)
    answers = list(_addresses(run))
    yield from answers
    if not all(each.fine for each in answers):
        return
    table = _table(stage)  # an engine without its data answers all the same
    yield table
    if table.fine:
        yield from _orders(stage, run)


def _machine(state_dir: Path) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding(sys.version_info >= _PYTHON, f"Python is {version}", "name a newer one: make run PYTHON=python3.12")
    free = shutil.disk_usage(state_dir).free
    yield Finding(free >= _FREE_BYTES, f"{free / 1e9:.1f} GB are free for logs in {state_dir}", "make room")
    with tempfile.TemporaryFile(dir=state_dir) as file:
        differs = abs(os.fstat(file.fileno()).st_mtime - time.time())
    remedy = "set the clock: tokens and ages depend on it"
    yield Finding(differs < _CLOCK_SECONDS, f"the clock differs from the disk's by {differs:.0f} s", remedy)


def _processes(run: Run) -> Iterator[Finding]:
    for name, pid in run.processes.items():
        remedy = as_typed("resume", name) if name in CONSUMERS else f"see logs in {run.state_dir}; {_AGAIN}"
        alive = is_alive(pid)
        yield Finding(alive, f"the process {name} {'runs' if alive else 'has ended'} ({pid})", remedy)


def _addresses(run: Run) -> Iterator[Finding]:
    service = (get_json(f"{run.api}/health") or {}).get("service")
    yield Finding(service == "orders", f"the API answers at {run.api}", f"see logs/api.log; {_AGAIN}")
    engine = get_json(run.engine + HEALTH)
    yield Finding(engine is not None, f"the AWS engine answers at {run.engine}", f"see logs/engine.log; {_AGAIN}")


def _table(stage: Stage) -> Finding:
    try:
        name = stage.output("OrderTable")
        stage.client("dynamodb").describe_table(TableName=name)
    except (BotoCoreError, ClientError, click.ClickException) as error:
        return Finding(fine=False, what=f"the engine has lost the table of orders: {error}", remedy=_AGAIN)
    return Finding(fine=True, what=f"the engine has the table {name}", remedy="")


def _orders(stage: Stage, run: Run) -> Iterator[Finding]:
    queues = StageQueues.of(stage)
    for name, state in reader_states(stage, queues).items():
        yield Finding(fine=False, what=f"{name} is {state}", remedy=as_typed("resume", name))
    for stream in stream_rows(stage):
        lag, records = stream["lag"], stream["records"]
        known = "unknown: it has no checkpoint" if lag is None else f"{number_of(records, 'record')}, {duration(lag)}"
        remedy = "see logs/handlers.log: events are published again when the publisher can"
        yield Finding(lag is not None and lag < _LAG_SECONDS, f"the publisher is behind by {known}", remedy)
    for waiting in queue_rows(stage):
        yield from _unread(run, waiting)
    for queue in queues.dead:
        held = row(stage, queue, dead=True, age=False)
        count = held["waiting"] + held["in_flight"]
        what = f"{queue.name} holds {number_of(count, 'dead letter')}"
        yield Finding(count == 0, what, as_typed("dlq", "list", "--queue", queue.name.removesuffix("-dlq")))


def _unread(run: Run, queue: Mapping[str, Any]) -> Iterator[Finding]:
    """Report a queue whose messages wait; a sample consumer that the run was not asked to start is fine."""
    name, count = queue["queue"], number_of(queue["waiting"] + queue["in_flight"], "message")
    if queue["state"] == STUCK:
        is_sample = name in CONSUMERS and name not in run.processes
        remedy = f"see its reader's log{', or ' + as_typed('resume', name) if is_sample else ''}"
        yield Finding(fine=False, what=f"{name} is stuck, with {count}: {WHY_STUCK}", remedy=remedy)
    elif queue["state"] == NOBODY:
        left_out = name in CONSUMERS and name not in run.processes
        remedy = as_typed("resume", name) if name in CONSUMERS else "start its reader, or delete its subscription"
        yield Finding(left_out, f"nobody consumes {name}, which holds {count}", remedy)
