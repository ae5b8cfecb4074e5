"""`ordersctl run`: runs the engine, the stack, the API and the event sources (supervisor.py), until Ctrl-C."""

import json
import os
import secrets
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
from click.core import ParameterSource

from ordersctl.local.ports import refuse_taken_ports
from ordersctl.local.supervisor import Supervisor
from ordersctl.shared import project
from ordersctl.shared.output import echo
from ordersctl.shared.runs.current import typed_for
from ordersctl.shared.runs.state_file import STATE_FILE, Note, Run, noted
from ordersctl.shared.switches import Switches

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="Of the API.")
@click.option(
    "--engine-port", type=click.IntRange(1, 65535), default=4566, show_default=True, help="Of the AWS engine."
)
@click.option(
    "--console-port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="Of the console, a page to watch orders and break things; 0 for none.",
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
@click.option(
    "--seed",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Place the orders of FILE at the start: a CSV of invoices, as ordersctl load takes it.",
)
@click.option("--with-consumers", is_flag=True, help="With the sample consumers, which move orders on to delivered.")
def run(
    *,
    port: int,
    engine_port: int,
    console_port: int,
    state_dir: Path | None,
    visibility: int | None,
    seed: Path | None,
    with_consumers: bool,
) -> None:
    """Run everything on this machine: API, queues, table, events. Ctrl-C stops it."""
    ports = {"--port": port, "--engine-port": engine_port} | ({"--console-port": console_port} if console_port else {})
    if len(set(ports.values())) < len(ports):
        raise click.UsageError(f"{', '.join(ports)} must differ.")
    state_dir = (state_dir or project.state_dir()).resolve()
    # Ctrl-C, `kill` and a closed terminal end the run in the same way.
    for number in _SIGNALS:
        signal.signal(number, signal.default_int_handler)
    supervisor = Supervisor(port, engine_port, state_dir)
    try:
        with _only_one_in(state_dir, port, engine_port) as note:
            refuse_taken_ports(ports, _given_options())
            switches = Switches(state_dir)
            switches.begin()
            supervisor.start(visibility)
            if with_consumers:
                supervisor.start_consumers()
            console = ""
            if console_port:  # after the API is ready, which it must not delay
                key = secrets.token_urlsafe(24)
                supervisor.start_console(console_port, key)
                console = f"http://127.0.0.1:{console_port}/#key={key}"
                note.console(console)
            _announce(port, engine_port, console, state_dir)
            for name, state in switches.halted().items():
                echo(f"{name} is {state} since an earlier run; to end that: {typed_for(state_dir, 'resume', name)}")
            if seed is not None:
                supervisor.start_seed(seed.resolve())
            supervisor.watch(note.processes)
    except KeyboardInterrupt:
        _ignore_signals()  # Ctrl-C ends the reader of a pipe too, so the run may be ending when the signal comes
        _say("\nStopping.", nl=False)
    finally:
        _ignore_signals()
        supervisor.stop()
    _say(" Everything has ended.")


def _ignore_signals() -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _given_options() -> dict[str, str | None]:
    """Return the options of this command as they were typed, None for a flag."""
    context = click.get_current_context()
    return {
        each.opts[0]: None if isinstance(each, click.Option) and each.is_flag else str(context.params[each.name])
        for each in context.command.params
        if each.name and context.get_parameter_source(each.name) == ParameterSource.COMMANDLINE
    }


def _say(text: str, *, nl: bool = True) -> None:
    """Print how the run ends. Ctrl-C ends the reader of a pipe too, as in `make run | cat`: then on standard error."""
    try:
        echo(text, nl=nl)
    except BrokenPipeError:
        refused = sys.stdout
        # What the pipe refused would be written once more at the exit, and fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), refused.fileno())
        if refused is not sys.stderr:  # in make run 2>&1 | cat, that has no reader either
            sys.stdout = sys.stderr
            _say(text, nl=nl)


@contextmanager
def _only_one_in(state_dir: Path, port: int, engine_port: int) -> Iterator[Note]:
    """Lock the directory for this run, and say there where the run is; ClickException when another run has it."""
    api, engine = (f"http://127.0.0.1:{number}" for number in (port, engine_port))
    run = Run(str(project.PROJECT_DIR), str(state_dir), str(project.default_state_dir()), api, engine)
    with ExitStack() as stack:
        try:
            note = stack.enter_context(noted(run))
        except BlockingIOError:
            path = state_dir / STATE_FILE
            raise click.ClickException(
                f"Orders is already running from this directory (see {path}). Stop that one first."
            ) from None
        logs = project.log_dir(state_dir)
        logs.mkdir(parents=True, exist_ok=True)
        # The other logs are emptied when their process starts; these are continued when their process is restarted.
        for log in (project.HANDLERS_LOG, project.INVOCATIONS_LOG):
            (logs / log).unlink(missing_ok=True)
        yield note


def _announce(port: int, engine_port: int, console: str, state_dir: Path) -> None:
    token = typed_for(state_dir, "token", "--customer", "17850")
    echo(
        f"""
Orders is running.
  API      http://127.0.0.1:{port}      reference: http://127.0.0.1:{port}/docs
  console  {console or "none"}
  engine   http://127.0.0.1:{engine_port}  (AWS, embedded; its data ends with the run)
  logs     {_shown(project.log_dir(state_dir))}
  token    {token}

Place an order, in another terminal in this directory:

curl -i http://127.0.0.1:{port}/orders \\
  -H 'Content-Type: application/json' \\
  -H "Authorization: Bearer $({token})" \\
  -d '{json.dumps(project.SAMPLE_ORDER)}'

Ctrl-C stops everything. Orders as they travel, by time, order and customer;
+286 ms is how long after the order was accepted, or changed:
"""
    )


def _shown(path: Path) -> str:
    return str(path.relative_to(project.PROJECT_DIR)) if path.is_relative_to(project.PROJECT_DIR) else str(path)
