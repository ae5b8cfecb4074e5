"""`make load`: the same orders on this service and on the monolith: a spike, and an outage of what is behind them."""

import itertools
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import click
from rich.console import Console
from rich.table import Table

from bench import report
from bench.instructions.packages import PROJECT_DIR
from bench.load.driver import Post, Target, closed_loop, open_loop
from ordersctl.client import arrivals, invoices
from ordersctl.client.arrivals import percentile
from ordersctl.client.invoices import Placeable
from ordersctl.local.engine import client_options
from ordersctl.local.tokens import SERVICE_SCOPE, local_token
from ordersctl.shared.options import Finite
from testkit.local_run import LocalRun
from testkit.processes import end_like_ctrl_c, running
from testkit.waiting import eventually, free_port

SPIKE = (1, 10, 50)
REACH = 1.1  # the accept's p99 with all consumers down, against healthy


@dataclass
class Seen:
    """What one system did; moments are seconds since the start of its run."""

    start: float = field(default_factory=time.time)
    spike: dict[int, list[Post]] = field(default_factory=dict)
    closed: list[Post] = field(default_factory=list)
    outage: list[Post] = field(default_factory=list)
    stopped: tuple[float, float] = (0, 0)
    # Moment, orders in their queue, events in invoicing's, which takes every event.
    backlog: list[tuple[float, int, int]] = field(default_factory=list)
    placed: dict[str, float] = field(default_factory=dict)  # order id -> seconds since it was due
    published: dict[str, float] = field(default_factory=dict)

    def around_the_outage(self) -> tuple[list[Post], list[Post], list[Post]]:
        """What was due before the services were stopped, while, and after."""
        start, end = self.stopped
        return (
            [each for each in self.outage if each.due < start],
            [each for each in self.outage if start <= each.due < end],
            [each for each in self.outage if each.due >= end],
        )

    def steps(self, rate: float) -> dict[str, list[Post]]:
        before, while_stopped, after = self.around_the_outage()
        return {
            **{f"{times} x ({rate * times:g}/s), open loop": posts for times, posts in self.spike.items()},
            "8 clients, closed loop": self.closed,
            "10 x, before the outage": before,
            "10 x, services stopped": while_stopped,
            "10 x, services back": after,
        }


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option("--rate", type=Finite(0.1, 1_000), default=2.0, show_default=True, help="Orders per second that are 1 x.")
@click.option("--seconds", type=Finite(1, 3_600), default=15.0, show_default=True, help="Of each step of the spike.")
@click.option(
    "--outage",
    type=Finite(1, 3_600),
    default=60.0,
    show_default=True,
    help="Seconds that the services behind are stopped, and up before.",
)
def load(file: Path | None, rate: float, seconds: float, outage: float) -> None:
    """Place the orders of FILE (a CSV of invoices) over and over, on this service and on the monolith."""
    end_like_ctrl_c()
    orders = _orders(file or PROJECT_DIR / "tests" / "data" / "online-retail-cut.csv")
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
        with arrivals.watching() as watched:
            token = local_token(subject="load", scope=SERVICE_SCOPE)
            with _backlog_seen(run.engine_url) as backlog:
                target = Target(run.api_port, token, watched.waiting.append)
                ours = drive(target, "orders", lambda seen: _wait_for_all(seen, watched))
                _wait_for_all(ours, watched)
                eventually(lambda: backlog[-1][2] == 0, within=60)
            ours.backlog = [(moment - ours.start, orders, events) for moment, orders, events in backlog]
        theirs = drive(Target(port, ""), "monolith", lambda _seen: None)
    _check_outage(ours)
    rows = _rows(ours, theirs, rate)
    table = Table()
    for column in rows[0]:
        table.add_column(column, no_wrap=True)
    for row in rows[1:]:
        table.add_row(*row)
    Console(width=140).print(table)
    reach = _reach(ours, theirs)
    Console().print(reach)
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    lines = [head, "|---" + "|--:" * (len(rows[0]) - 1) + "|", *body, "", reach]
    report.replace_part(report.PAGE, "load", "\n".join(lines))
    _draw(ours, theirs)


def _orders(file: Path) -> list[Placeable]:
    read = invoices.read(file.read_bytes()).items()
    judged = [invoices.judge(number, rows, currency="GBP", guest="guest") for number, rows in read]
    return [each for each in judged if isinstance(each, Placeable)]


def _module(name: str, port: int, *arguments: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", name, str(port), *arguments]
    # Callers that gave up are told of by tracebacks; the table has them.
    return running(command, lambda: _listens(port), stderr=subprocess.DEVNULL)


def _listens(port: int) -> bool:
    import socket  # noqa: PLC0415 - for this look only

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _driver(
    orders: list[Placeable], rate: float, seconds: float, outage: float, services: subprocess.Popen[bytes]
) -> Callable[[Target, str, Callable[[Seen], None]], Seen]:
    def drive(target: Target, name: str, settle: Callable[[Seen], None]) -> Seen:
        open_loop(target, orders, rate, 2, f"{name}-warm")
        seen = Seen()
        for times in SPIKE:
            seen.spike[times] = open_loop(target, orders, rate * times, seconds, f"{name}-{times}")
        seen.closed = closed_loop(target, orders, 8, seconds, f"{name}-closed")
        settle(seen)  # what the closed loop left behind is no part of the minute before
        start = time.time()
        seen.stopped = (start + outage, start + 2 * outage)
        timers = [
            threading.Timer(moment, services.send_signal, [number])
            for moment, number in ((outage, signal.SIGSTOP), (2 * outage, signal.SIGCONT))
        ]
        for timer in timers:
            timer.start()
        try:
            seen.outage = open_loop(target, orders, rate * 10, 2 * outage + seconds, f"{name}-outage")
        finally:
            for timer in timers:
                timer.cancel()
            services.send_signal(signal.SIGCONT)
        return seen

    return drive


@contextmanager
def _backlog_seen(engine_url: str) -> Iterator[list[tuple[float, int, int]]]:
    """Depths of the order queue and of invoicing's, which takes every event, in flight included, twice a second."""
    sqs = boto3.client("sqs", **client_options(engine_url))
    urls = [sqs.get_queue_url(QueueName=name)["QueueUrl"] for name in ("orders-local-queue", "orders-local-invoicing")]
    seen: list[tuple[float, int, int]] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(0.5):
            seen.append((time.time(), depth(urls[0]), depth(urls[1])))

    def depth(url: str) -> int:
        answer = sqs.get_queue_attributes(
            QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        )
        return sum(int(count) for count in answer["Attributes"].values())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def _wait_for_all(seen: Seen, watched: arrivals.Arrivals) -> None:
    posts = [each for each in [*itertools.chain(*seen.spike.values()), *seen.closed, *seen.outage] if each.order_id]
    eventually(lambda: all(each.order_id in watched.published for each in posts), within=120)
    eventually(lambda: all(each.order_id in watched.stored for each in posts), within=120)
    seen.published = {each.order_id: watched.published[each.order_id] - each.due for each in posts}
    # An event comes from what is stored: whichever was seen first is the nearer bound.
    placed = {each.order_id: watched.stored[each.order_id] - each.due for each in posts}
    seen.placed = {order_id: min(seconds, seen.published[order_id]) for order_id, seconds in placed.items()}


def _check_outage(ours: Seen) -> None:
    """Whether the outage's events waited for invoicing, and were taken afterwards: else the figures say nothing."""
    start, back = (moment - ours.start for moment in ours.stopped)
    waiting = max((events for moment, _, events in ours.backlog if start <= moment <= back), default=0)
    _, due, _ = ours.around_the_outage()
    if waiting < 0.9 * len(due):
        raise click.ClickException(f"the outage did not show: {waiting} events of {len(due)} waited for invoicing")
    if left := ours.backlog[-1][2]:
        raise click.ClickException(f"the outage did not end: {left} events still wait for invoicing")


def _rows(ours: Seen, theirs: Seen, rate: float) -> list[list[str]]:
    """Milliseconds, p50 / p99."""
    rows = [["ms, p50 / p99", "orders: accepted", "placed", "published", "failed", "monolith: answered", "failed"]]
    others = theirs.steps(rate)
    for name, posts in ours.steps(rate).items():
        ids = [each.order_id for each in posts if each.order_id]
        waits = [_quantiles([known[each] for each in ids]) for known in (ours.placed, ours.published)]
        answered = [_quantiles([each.seconds for each in found]) for found in (posts, others[name])]
        rows.append([name, answered[0], *waits, _failed(posts), answered[1], _failed(others[name])])
    return rows


def _quantiles(seconds: list[float]) -> str:
    return " / ".join(f"{percentile(seconds, percent) * 1e3:.0f}" for percent in (50, 99))


def _failed(posts: list[Post]) -> str:
    return f"{sum(each.status not in {201, 202} for each in posts)} of {len(posts)}"


def _reach(ours: Seen, theirs: Seen) -> str:
    """The accept's p99 with the services stopped against that with all of them up."""
    ratios = []
    for seen in (ours, theirs):
        healthy, stopped, _ = (percentile([each.seconds for each in posts], 99) for posts in seen.around_the_outage())
        ratios.append(stopped / healthy)
    missed = "" if ratios[0] <= REACH else " (**missed**)"
    return (
        f"p99 with the services stopped against before: orders {ratios[0]:.2f}, reach ≤ {REACH}{missed}; "
        f"monolith {ratios[1]:.0f}."
    )


def _draw(ours: Seen, theirs: Seen) -> None:
    import matplotlib as mpl  # noqa: PLC0415 - slow to import

    mpl.use("agg")  # thousands of points: a picture is smaller than a drawing
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, (latency, backlog) = plt.subplots(2, 1, figsize=(7, 5.5), layout="constrained")
    for name, seen, color in (("orders", ours, "#1f6f8b"), ("monolith", theirs, "#c2571a")):
        first = seen.outage[0].due
        for posts, mark in ((True, "."), (False, "x")):
            chosen = [each for each in seen.outage if (each.status in {201, 202}) is posts]
            label = name if posts else f"{name}, failed"
            moments = [each.due - first for each in chosen]
            if chosen:
                latency.plot(moments, [each.seconds for each in chosen], mark, ms=3, color=color, label=label)
    stopped = [moment - ours.outage[0].due for moment in ours.stopped]
    latency.axvspan(*stopped, color="#eeeeee")
    latency.set(yscale="log", ylabel="seconds to the answer", title="The services behind are stopped (grey)")
    latency.legend(loc="upper right")
    backlog.plot([each[0] for each in ours.backlog], [each[1] for each in ours.backlog], label="order queue")
    backlog.plot([each[0] for each in ours.backlog], [each[2] for each in ours.backlog], label="invoicing's queue")
    backlog.axvspan(*[moment - ours.start for moment in ours.stopped], color="#eeeeee")
    backlog.set(xlabel="seconds", ylabel="messages", title="Backlog: spike, closed loop, outage")
    backlog.legend(loc="upper left")
    report.PLOTS.mkdir(exist_ok=True)
    figure.savefig(report.PLOTS / "load.png", dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    load()
