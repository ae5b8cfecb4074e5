"""`ordersctl run`: the engine, the stack, the API and the event sources, until Ctrl-C."""

import fcntl
import json
import os
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from ordersctl.local.engine import HEALTH, deploy, engine, get_json, set_visibility
from ordersctl.local.processes import Child, stop
from ordersctl.shared import project

STAGE = "local"
START_SECONDS = 60
RESTARTS = 5  # of the event sources, within RESTART_WINDOW_SECONDS
RESTART_WINDOW_SECONDS = 60
SAMPLE_ORDER = {"currency": "GBP", "items": [{"sku": "85123A", "quantity": 6, "unit_price": 255}]}


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
    help="When a message that was not handled comes again.  [default: as the template says]",
)
@click.option("--with-consumers", is_flag=True, help="With the sample consumers, which carry orders on to delivered.")
def run(*, port: int, engine_port: int, state_dir: Path | None, visibility: int | None, with_consumers: bool) -> None:
    """Run everything on this machine: API, queues, table, events. Ctrl-C stops it."""
    if port == engine_port:
        raise click.UsageError("--port and --engine-port must differ.")
    state_dir = (state_dir or project.state_dir()).resolve()
    # However this ends, Ctrl-C, `kill`, or a closed terminal, it ends the same way.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    children: list[Child] = []
    consumers: list[Child] = []
    try:
        with _only_one_in(state_dir) as note:
            _refuse_taken_ports(port, engine_port)
            _start(children, port, engine_port, state_dir, visibility)
            if with_consumers:
                _start_consumers(consumers, port, state_dir)
            _announce(port, engine_port, state_dir)
            _watch(children, consumers, note)
    except KeyboardInterrupt:
        click.echo("\nStopping.", nl=False)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        stop([*consumers, *children])
    click.echo(" Everything has ended.")


def _start(children: list[Child], port: int, engine_port: int, state_dir: Path, visibility: int | None) -> None:
    """Start everything, each after what it needs; ClickException if something ends at once."""
    endpoint_url = f"http://127.0.0.1:{engine_port}"
    _enter_environment(endpoint_url)
    arguments = ("--stage", STAGE, "--no-autoreload", "--port", str(port))
    api = Child("API", "chalice.cli:main", ("local", *arguments), log=state_dir / "logs" / "api.log")
    # The API reaches for the engine at its first order only, so both can start at once.
    for child in (engine(engine_port, state_dir), api):
        children.append(child)
        child.start()
    from ordersctl.local.tokens import ensure_keys  # noqa: PLC0415 - slow to import, and the children start meanwhile

    ensure_keys(project.state_dir())
    _wait(children, lambda: get_json(endpoint_url + HEALTH) is not None, "the AWS engine")
    outputs = deploy(endpoint_url, stage=STAGE)
    if visibility is not None:
        set_visibility(endpoint_url, outputs["OrderQueueUrl"], visibility)
    loop = Child("event sources", "ordersctl.cli:main", ("event-sources", "--state-dir", str(state_dir)))
    children.append(loop)
    loop.start()
    _wait(children, lambda: get_json(f"http://127.0.0.1:{port}/health") is not None, "the API")


def _start_consumers(consumers: list[Child], port: int, state_dir: Path) -> None:
    """Start examples/, each in a process of its own: what becomes of one is no other's concern."""
    from ordersctl.local.tokens import SERVICE_SCOPE, local_token  # noqa: PLC0415 - see _start

    for name in ("inventory", "invoicing", "fulfilment"):
        token = local_token(subject=name, scope=SERVICE_SCOPE, ttl_seconds=30 * 24 * 60 * 60)
        environment = {"ORDERS_API_URL": f"http://127.0.0.1:{port}", "ORDERS_TOKEN": token}
        log = state_dir / "logs" / f"{name}.log"
        child = Child(name, "ordersctl.cli:main", ("consumer", name), environment, log)
        consumers.append(child)
        child.start()


def _watch(children: list[Child], consumers: list[Child], note: Callable[[Mapping[str, Any]], None]) -> None:
    """Keep the event sources running; ClickException once something ends that cannot be started anew."""
    loop = children[-1]
    deaths: deque[float] = deque(maxlen=RESTARTS + 1)
    note({child.name: child.pid for child in [*children, *consumers]})
    running = list(consumers)
    while True:
        time.sleep(0.1)
        _refuse_ended(children[:-1])
        for ended in [child for child in running if child.ended() is not None]:
            click.echo(f"{ended.name} ended ({ended.ended()}); its queue keeps its events. See logs/{ended.name}.log")
            running.remove(ended)
        if (how := loop.ended()) is None:
            continue
        deaths.append(time.monotonic())
        if len(deaths) > RESTARTS and deaths[-1] - deaths[0] < RESTART_WINDOW_SECONDS:
            raise click.ClickException(f"the event sources keep ending ({how}); see logs/handlers.log. Stopping.")
        click.echo(
            f"event sources ended ({how}), started again; what they held comes back after its visibility timeout"
        )
        loop.start()
        note({child.name: child.pid for child in [*children, *consumers]})


def _wait(children: list[Child], ready: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        _refuse_ended(children)
        if time.monotonic() > deadline:
            raise click.ClickException(f"{what} did not start within {START_SECONDS} s.")
        time.sleep(0.05)


def _refuse_ended(children: list[Child]) -> None:
    for child in children:
        if (how := child.ended()) is not None:
            last = f", and said:\n{words}" if (words := child.last_words()) else "."
            raise click.ClickException(f"the {child.name} ended ({how}){last}")


def _enter_environment(endpoint_url: str) -> None:
    """Leave the machine's AWS profiles, endpoints and proxies behind, for this process and its children."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    no_proxy = ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1,localhost"]))
    os.environ |= {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "PYTHONUNBUFFERED": "1",
    }


def _refuse_taken_ports(port: int, engine_port: int) -> None:
    for number, option in ((port, "--port"), (engine_port, "--engine-port")):
        with socket.socket() as probe:
            # As servers do: a port whose last connections are only being tidied away is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", number))
            except OSError as error:
                raise click.ClickException(
                    f"port {number} is taken{_by_whom(number)}: {error.strerror}. "
                    f'Choose another: make run ARGS="{option} {number + 1}"'
                ) from None


def _by_whom(port: int) -> str:
    url = f"http://127.0.0.1:{port}"
    if (get_json(url + "/health") or {}).get("service") == "orders":
        return " by another copy of Orders"
    if get_json(url + HEALTH) is not None:
        return " by another AWS engine, perhaps of another copy of Orders"
    return ""


@contextmanager
def _only_one_in(state_dir: Path) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Hold the directory for this run, and yield how to note in its run.json which processes belong to it."""
    (state_dir / "logs").mkdir(parents=True, exist_ok=True)
    path = state_dir / "run.json"
    with (state_dir / "run.lock").open("w") as lock:
        try:
            # The kernel drops the lock when this process ends, however it does.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise click.ClickException(
                f"Orders is already running from this directory (see {path}). Stop that one first."
            ) from None

        def note(pids: Mapping[str, Any]) -> None:
            beside = path.with_suffix(".new")
            beside.write_text(json.dumps({"run": os.getpid(), **pids}))
            beside.replace(path)  # who reads it finds all of it

        note({})
        # The other logs begin anew with their process; these go on when their process is started again.
        for log in ("handlers.log", "invocations.log"):
            (state_dir / "logs" / log).unlink(missing_ok=True)
        yield note


def _announce(port: int, engine_port: int, state_dir: Path) -> None:
    from ordersctl.local.tokens import CUSTOMER_SCOPE, local_token  # noqa: PLC0415 - see _start

    token = local_token(subject="17850", scope=CUSTOMER_SCOPE)
    click.echo(
        f"""
Orders is running.
  API      http://127.0.0.1:{port}      reference: http://127.0.0.1:{port}/docs
  engine   http://127.0.0.1:{engine_port}  (AWS, embedded; its data goes when it stops)
  logs     {_shown(state_dir / "logs")}
  token    {token}
           (customer 17850; others: python -m ordersctl token --help)

Place an order:

curl -i http://127.0.0.1:{port}/orders \\
  -H 'Content-Type: application/json' \\
  -H 'Authorization: Bearer {token}' \\
  -d '{json.dumps(SAMPLE_ORDER)}'

Ctrl-C stops everything. Orders as they travel:
"""
    )


def _shown(path: Path) -> str:
    return str(path.relative_to(project.PROJECT_DIR)) if path.is_relative_to(project.PROJECT_DIR) else str(path)
