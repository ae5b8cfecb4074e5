"""`ordersctl power-tune`: measures what a function costs and how fast it is at each memory size."""

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from ordersctl.estimate.cost.aws_prices import aws_prices
from ordersctl.estimate.power_tuning.measurement import Measurement, invoke
from ordersctl.estimate.power_tuning.plot import draw
from ordersctl.estimate.power_tuning.temporary_settings import restored, with_reports
from ordersctl.shared.functions import Function
from ordersctl.shared.output import Console, Table, echo
from ordersctl.shared.plotting import plot_option
from ordersctl.shared.stage import Stage, with_stage

SIZES = (128, 256, 512, 1024, 1769, 3008)  # MB; 1,769 is one whole processor


@click.command("power-tune")
@click.argument("name", metavar="FUNCTION")
@click.option(
    "--payload", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True, help="An event."
)
@click.option("--times", metavar="N", type=click.IntRange(1, 1000), default=20, show_default=True, help="Per size.")
@click.option(
    "--memory", "sizes", metavar="MB", type=click.IntRange(128, 10_240), multiple=True, help="A size; repeatable."
)
@plot_option
@with_stage
def power_tune(stage: Stage, name: str, *, payload: Path, times: int, sizes: Sequence[int], plot: Path | None) -> None:
    """Invoke FUNCTION at several memory sizes, and name the cheapest and the fastest.

    Each invocation really does the payload's work, N times at each size; a processor's order is a duplicate
    from the second invocation on. During the measurement the function logs reports.
    Memory and logging are restored at the end, after Ctrl-C and SIGTERM too. The command that restores them after a
    kill is printed first.
    """
    stage.refuse_local_run("there is no memory to set")
    function = Function(stage.client("lambda"), name)
    event = _event(payload)
    measurements: list[Measurement] = []
    with restored(function, update_command(stage, function)) as before:
        for size in sorted(set(sizes or SIZES)):
            function.update(MemorySize=size, **with_reports(before))
            measurements.append(Measurement(size, *invoke(stage, name, event, times)))
            echo(f"{size} MB: {measurements[-1].milliseconds:.0f} ms billed", err=True)
    price = aws_prices()["lambda"]
    show(measurements, price)
    if plot:
        draw(measurements, price, name, plot)


def _event(payload: Path) -> bytes:
    """Return an event as Lambda takes it; BadParameter, before anything is changed, if it is not JSON."""
    event = payload.read_bytes()
    try:
        json.loads(event)
    except ValueError as error:
        raise click.BadParameter(f"{payload} is not JSON: {error}", param_hint="--payload") from None
    return event


def update_command(stage: Stage, function: Function) -> str:
    """Return the beginning of a shell command that updates the function's settings."""
    words = ["aws", "lambda", "update-function-configuration", "--function-name", function.name]
    words += ["--region", function.client.meta.region_name]
    if stage.is_local:
        words += ["--endpoint-url", function.client.meta.endpoint_url]
    elif stage.session.profile_name != "default":
        words += ["--profile", stage.session.profile_name]
    return shlex.join(words)


def show(measurements: Sequence[Measurement], price: Mapping[str, Any]) -> None:
    cheapest = min(measurements, key=lambda each: each.dollars_per_million(price))
    fastest = min(measurements, key=lambda each: each.milliseconds)
    table = Table("Memory (MB)", "Billed (ms)", "Start (ms)", "US dollars per million")
    table.add_column("Best", no_wrap=True)
    for each in measurements:
        words = [word for word, best in (("cheapest", cheapest), ("fastest", fastest)) if each is best]
        start = "-" if each.init_ms is None else f"{each.init_ms:.0f}"
        values = [str(each.memory), f"{each.milliseconds:.1f}", start, f"{each.dollars_per_million(price):.2f}"]
        table.add_row(*values, ", ".join(words))
    Console().print(table)
