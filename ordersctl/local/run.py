"""`ordersctl run`: runs the engine, the stack, the API and the event sources, until Ctrl-C."""

import fcntl
import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from ordersctl.local.ports import refuse_taken_ports
from ordersctl.local.supervisor import Note, Supervisor
from ordersctl.shared import project
from ordersctl.shared.files import write_atomically
from ordersctl.shared.output import echo

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="Of the API.")
@click.option(
    "--engine-port", type=click.IntRange(1, 65535), default=4566, show_default=True, help="Of the AWS engine."
)
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="For logs and checkpoints.  [default: .local]",
)
@click.option(
    "--visibility",
    metavar="SECONDS",
    type=click.IntRange(min=1),
    help="When a message that was not handled is delivered again.  [default: as in the template]",
)
@click.option("--with-consumers", is_flag=True, help="With the sample consumers, which move orders on to delivered.")
def run(*, port: int, engine_port: int, state_dir: Path | None, visibility: int | None, with_consumers: bool) -> None:
    """Run everything on this machine: API, queues, table, events. Ctrl-C stops it."""
    if port == engine_port:
        raise click.UsageError("--port and --engine-port must differ.")
    state_dir = (state_dir or project.state_dir()).resolve()
    # Ctrl-C, `kill` and a closed terminal end the run in the same way.
    for number in _SIGNALS:
        signal.signal(number, signal.default_int_handler)
    supervisor = Supervisor(port, engine_port, state_dir)
    try:
        with _only_one_in(state_dir) as note:
            refuse_taken_ports(port, engine_port)
            supervisor.start(visibility)
            if with_consumers:
                supervisor.start_consumers()
            _announce(port, engine_port, state_dir)
            supervisor.watch(note)
    except KeyboardInterrupt:
        echo("\nStopping.", nl=False)
    finally:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        supervisor.stop()
    echo(" Everything has ended.")


@contextmanager
def _only_one_in(state_dir: Path) -> Iterator[Note]:
    """Lock the directory for this run; yields a function that writes the run's processes to run.json."""
    logs = project.log_dir(state_dir)
    logs.mkdir(parents=True, exist_ok=True)
    path = state_dir / "run.json"
    with (state_dir / "run.lock").open("w") as lock:
        try:
            # The kernel drops the lock when this process ends, even if it is killed.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise click.ClickException(
                f"Orders is already running from this directory (see {path}). Stop that one first."
            ) from None

        def note(pids: Mapping[str, Any]) -> None:
            write_atomically(path, json.dumps({"run": os.getpid(), **pids}))

        note({})
        # The other logs are emptied when their process starts; these are continued when their process is restarted.
        for log in (project.HANDLERS_LOG, project.INVOCATIONS_LOG):
            (logs / log).unlink(missing_ok=True)
        yield note


def _announce(port: int, engine_port: int, state_dir: Path) -> None:
    from ordersctl.local.tokens import CUSTOMER_SCOPE, local_token  # noqa: PLC0415 - slow to import

    token = local_token(subject="17850", scope=CUSTOMER_SCOPE)
    echo(
        f"""
Orders is running.
  API      http://127.0.0.1:{port}      reference: http://127.0.0.1:{port}/docs
  engine   http://127.0.0.1:{engine_port}  (AWS, embedded; its data is lost when it stops)
  logs     {_shown(project.log_dir(state_dir))}
  token    {token}
           (customer 17850; others: python -m ordersctl token --help)

Place an order:

curl -i http://127.0.0.1:{port}/orders \\
  -H 'Content-Type: application/json' \\
  -H 'Authorization: Bearer {token}' \\
  -d '{json.dumps(project.SAMPLE_ORDER)}'

Ctrl-C stops everything. Orders as they travel:
"""
    )


def _shown(path: Path) -> str:
    return str(path.relative_to(project.PROJECT_DIR)) if path.is_relative_to(project.PROJECT_DIR) else str(path)
