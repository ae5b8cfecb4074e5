"""`make load`: the same orders on this service and on the monolith, in a spike and in an outage downstream."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from bench import report
from bench.instructions.packages import PROJECT_DIR
from bench.load import figures, local_cost
from bench.load.driver import Target, closed_loop, open_loop
from bench.load.observations import Observations, backlog_watched, check_outage
from ordersctl.client import arrivals, invoice_file, invoices
from ordersctl.client.invoices import Placeable
from ordersctl.local.tokens import SERVICE_SCOPE, local_token
from ordersctl.shared.options import Finite
from testkit.servers.local_run import LocalRun
from testkit.servers.processes import end_like_ctrl_c, running
from testkit.waiting import eventually, free_port

SPIKE = (1, 10, 50)  # times the rate

Drive = Callable[[Target, str, Callable[[Observations], None]], Observations]


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option("--rate", type=Finite(0.1, 1_000), default=2.0, show_default=True, help="Orders per second that are 1 x.")
@click.option("--seconds", type=Finite(1, 3_600), default=15.0, show_default=True, help="Of each step of the spike.")
@click.option(
    "--outage",
    type=Finite(1, 3_600),
    default=60.0,
    show_default=True,
    help="Seconds that the downstream services are up before the outage, and stopped during it.",
)
@click.option("--only-cost", is_flag=True, help="Only what an order costs in the local run: the last table.")
def load(file: Path | None, rate: float, seconds: float, outage: float, *, only_cost: bool) -> None:
    """Place the orders of FILE (a CSV of invoices) over and over, on this service and on the monolith."""
    end_like_ctrl_c()
    orders = _orders(file or PROJECT_DIR / "tests" / "data" / "online-retail-cut.csv")
    if not only_cost:
        _spike_and_outage(orders, rate, seconds, outage)
    costs = local_cost.measured(orders)
    _publish("local-cost", local_cost.rows(costs), local_cost.sentence(costs))


def _spike_and_outage(orders: list[Placeable], rate: float, seconds: float, outage: float) -> None:
    ours, theirs = _measured(orders, rate, seconds, outage)
    check_outage(ours)
    _publish("load", figures.rows(ours, theirs, rate), figures.outage_sentence(ours, theirs))
    figures.draw(ours, theirs)


def _orders(file: Path) -> list[Placeable]:
    read = invoice_file.read(file.read_bytes()).invoices.items()
    judged = [invoices.judge(number, rows, currency="GBP", guest="guest") for number, rows in read]
    return [each for each in judged if isinstance(each, Placeable)]


def _measured(orders: list[Placeable], rate: float, seconds: float, outage: float) -> tuple[Observations, Observations]:
    """Run the load on this service and on the monolith, beside the same downstream services."""
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        run = LocalRun.start(scratch)
        stack.callback(run.stop)
        run.ready()
        os.environ["AWS_ENDPOINT_URL"] = run.engine_url
        services_port, port = free_port(), free_port()
        services = stack.enter_context(_module("bench.load.downstream", services_port, run.engine_url))
        stack.enter_context(_module("bench.peers.monolith", port, str(services_port), str(scratch / "monolith.db")))
        drive = _driver(orders, rate, seconds, outage, services)
        ours = _drive_orders(run, drive)
        theirs = drive(Target(port, ""), "monolith", lambda _seen: None)
    return ours, theirs


def _drive_orders(run: LocalRun, drive: Drive) -> Observations:
    with arrivals.watching() as arrived, backlog_watched(run.engine_url) as backlog:
        target = Target(run.api_port, local_token(subject="load", scope=SERVICE_SCOPE), arrived.waiting.append)
        ours = drive(target, "orders", lambda seen: seen.wait_for_all(arrived))
        ours.wait_for_all(arrived)
        eventually(lambda: backlog[-1][2] == 0, within=60)
    ours.backlog = [(moment - ours.start, orders, events) for moment, orders, events in backlog]
    return ours


def _module(name: str, port: int, *arguments: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", name, str(port), *arguments]
    # A caller that gives up leaves a traceback on stderr; the table counts it as failed.
    return running(command, lambda: _listens(port), stderr=subprocess.DEVNULL)


def _listens(port: int) -> bool:
    import socket  # noqa: PLC0415 - used here only

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _driver(
    orders: list[Placeable], rate: float, seconds: float, outage: float, services: subprocess.Popen[bytes]
) -> Drive:
    def drive(target: Target, name: str, drain: Callable[[Observations], None]) -> Observations:
        open_loop(target, orders, rate, 2, f"{name}-warm")
        seen = Observations()
        for times in SPIKE:
            seen.spike[times] = open_loop(target, orders, rate * times, seconds, f"{name}-{times}")
        seen.closed = closed_loop(target, orders, 8, seconds, f"{name}-closed")
        drain(seen)  # so that the backlog of the closed loop does not count in the minute before the outage
        start = time.time()
        seen.stopped = (start + outage, start + 2 * outage)
        with _stopped_between(services, outage, 2 * outage):
            seen.outage = open_loop(target, orders, rate * 10, 2 * outage + seconds, f"{name}-outage")
        return seen

    return drive


@contextmanager
def _stopped_between(services: subprocess.Popen[bytes], stop: float, resume: float) -> Iterator[None]:
    """Stop the services after `stop` seconds from now, and resume them after `resume` seconds."""
    timers = [
        threading.Timer(seconds, services.send_signal, [number])
        for seconds, number in ((stop, signal.SIGSTOP), (resume, signal.SIGCONT))
    ]
    for timer in timers:
        timer.start()
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()
        services.send_signal(signal.SIGCONT)


def _publish(part: str, rows: list[list[str]], sentence: str) -> None:
    """Print the table, and write it into docs/explain/performance.md."""
    table = Table()
    for column in rows[0]:
        table.add_column(column, no_wrap=True)
    for row in rows[1:]:
        table.add_row(*row)
    Console(width=140).print(table)
    Console().print(sentence)
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    lines = [head, "|---" + "|--:" * (len(rows[0]) - 1) + "|", *body, "", sentence]
    report.replace_part(report.PAGE, part, "\n".join(lines))


if __name__ == "__main__":
    load()
