"""`ordersctl power-tune`: what a function costs and how fast it is at each memory size."""

import base64
import json
import math
import shlex
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from ordersctl.estimate.cost.per_order import prices
from ordersctl.estimate.power_tuning.lambda_reports import last_report
from ordersctl.estimate.power_tuning.temporary_settings import Function, borrowed, with_reports
from ordersctl.shared.options import plot_option
from ordersctl.shared.stage import Stage, with_stage

_TRIES_PER_WARM = 3  # invocations for each warm one that is asked for
_REFUSED = 400
SIZES = (128, 256, 512, 1024, 1769, 3008)  # MB; 1,769 is one whole processor


@dataclass(frozen=True)
class Tried:
    """A memory size (MB) and the billed milliseconds of each warm invocation."""

    memory: int
    billed_ms: Sequence[float]
    init_ms: float | None

    @property
    def milliseconds(self) -> float:
        return statistics.fmean(self.billed_ms)

    def dollars_per_million(self, price: Any) -> float:
        gigabytes = self.memory / 1024
        return float(
            price["per_million_requests"] + self.milliseconds * 1e3 * gigabytes * price["per_million_gb_seconds"] / 1e6
        )


@click.command("power-tune")
@click.argument("name", metavar="FUNCTION")
@click.option(
    "--payload", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True, help="An event."
)
@click.option("--times", metavar="N", type=click.IntRange(1, 1000), default=20, show_default=True, help="Per size.")
@click.option(
    "--memory", "sizes", metavar="MB", type=click.IntRange(128, 10_240), multiple=True, help="Again for more."
)
@plot_option
@with_stage
def power_tune(stage: Stage, name: str, *, payload: Path, times: int, sizes: Sequence[int], plot: Path | None) -> None:
    """Invoke FUNCTION at several memory sizes, and name the cheapest and the fastest.

    The payload does for real what it asks for, N times at each size; a processor's order is a duplicate from the second
    time on. For the time of it the function logs reports.
    Memory and logging are given back at the end, after Ctrl-C and SIGTERM too. What to type if this is killed outright
    is printed first.
    """
    function = Function(stage.client("lambda"), name)
    event = _event(payload)
    tried: list[Tried] = []
    with borrowed(function, by_hand(stage, function)) as before:
        for size in sorted(set(sizes or SIZES)):
            function.update(MemorySize=size, **with_reports(before))
            tried.append(Tried(size, *invoked(stage, name, event, times)))
            click.echo(f"{size} MB: {tried[-1].milliseconds:.0f} ms billed")
    show(tried)
    if plot:
        draw(tried, name, plot)


def _event(payload: Path) -> bytes:
    """An event as Lambda takes it: refused here, and not once the function has been changed."""
    event = payload.read_bytes()
    try:
        json.loads(event)
    except ValueError as error:
        raise click.BadParameter(f"{payload} is no JSON: {error}", param_hint="--payload") from None
    return event


def by_hand(stage: Stage, function: Function) -> str:
    """The beginning of a line for AWS's command line that updates the function."""
    words = ["aws", "lambda", "update-function-configuration", "--function-name", function.name]
    words += ["--region", function.client.meta.region_name]
    if stage.is_local:
        words += ["--endpoint-url", function.client.meta.endpoint_url]
    elif stage.session.profile_name != "default":
        words += ["--profile", stage.session.profile_name]
    return shlex.join(words)


def invoked(stage: Stage, function: str, event: bytes, times: int) -> tuple[list[float], float | None]:
    """Billed milliseconds of `times` warm invocations, and of the first one's start. ClickException if one fails."""
    billed: list[float] = []
    started: float | None = None
    for number in range(_TRIES_PER_WARM * times + 1):
        if len(billed) == times:
            break
        before = time.perf_counter()
        answer = stage.client("lambda").invoke(FunctionName=function, Payload=event, LogType="Tail")
        with answer["Payload"] as payload:
            said = payload.read()
        elapsed_ms = math.ceil((time.perf_counter() - before) * 1000)
        if "FunctionError" in answer or _refuses(said):
            raise click.ClickException(f"{function} fails on this payload: {said[:500]!r}")
        log = base64.b64decode(answer.get("LogResult", "")).decode(errors="replace")
        report = last_report(log)
        if report is None and not stage.is_local:
            raise click.ClickException(f"Lambda reports nothing of {function} at the end of its log")
        if number == 0:  # the first one starts the function anew, and would be no fair part of the mean
            started = report.init_ms if report else None
        elif report is None:  # the embedded engine bills nothing: there, what the call took
            billed.append(elapsed_ms)
        elif report.init_ms is None:  # not one that other traffic left no warm environment for
            billed.append(report.billed_ms)
    if len(billed) < times:
        raise click.ClickException(f"{function} was started anew too often: other traffic takes what is warm")
    return billed, started


def _refuses(said: bytes) -> bool:
    """Whether a function answered that it did not do what it was asked: an API's status, a batch's failures."""
    try:
        answer = json.loads(said)
    except ValueError:
        return False
    if not isinstance(answer, dict):
        return False
    status = answer.get("statusCode")
    return bool(answer.get("batchItemFailures")) or (isinstance(status, int) and status >= _REFUSED)


def show(tried: Sequence[Tried]) -> None:
    price = prices()["lambda"]
    cheapest = min(tried, key=lambda each: each.dollars_per_million(price))
    fastest = min(tried, key=lambda each: each.milliseconds)
    table = Table("Memory (MB)", "Billed (ms)", "Start (ms)", "US dollars per million", "")
    for each in tried:
        words = [word for word, best in (("cheapest", cheapest), ("fastest", fastest)) if each is best]
        start = "-" if each.init_ms is None else f"{each.init_ms:.0f}"
        values = [str(each.memory), f"{each.milliseconds:.1f}", start, f"{each.dollars_per_million(price):.2f}"]
        table.add_row(*values, ", ".join(words))
    Console().print(table)


def draw(tried: Sequence[Tried], function: str, path: Path) -> None:
    import matplotlib as mpl  # noqa: PLC0415 - slow to import, and not needed without --plot

    mpl.use("agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    price = prices()["lambda"]
    figure, speed = plt.subplots(figsize=(7, 3.5), layout="constrained")
    cost = speed.twinx()
    sizes = [each.memory for each in tried]
    speed.plot(sizes, [each.milliseconds for each in tried], "o-", color="#1f6f8b", label="billed ms")
    cost.plot(sizes, [each.dollars_per_million(price) for each in tried], "s--", color="#c2571a", label="$ per million")
    speed.set(xlabel="memory (MB)", ylabel="billed ms", title=function, ylim=(0, None))
    cost.set(ylabel="US dollars per million", ylim=(0, None))
    figure.legend(loc="outside lower center", ncols=2)
    figure.savefig(path)
    plt.close(figure)
