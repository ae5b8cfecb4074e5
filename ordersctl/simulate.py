"""`ordersctl simulate`: what a promotion does to the service within AWS's limits."""

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from ordersctl.flow_model import Flow, Limits


@click.command()
@click.option("--before", type=click.FloatRange(min=0), default=50.0, show_default=True, help="Orders per second.")
@click.option("--peak", type=click.FloatRange(min=0), default=20_000.0, show_default=True, help="Orders per second.")
@click.option("--ramp", type=click.FloatRange(min=1), default=60.0, show_default=True, help="Seconds up to the peak.")
@click.option("--hold", type=click.FloatRange(min=0), default=120.0, show_default=True, help="Seconds at the peak.")
@click.option("--seconds", type=click.IntRange(10, 36_000), default=1_800, show_default=True, help="How long to look.")
@click.option("--set", "settings", metavar="LIMIT=VALUE", multiple=True, help="A limit other than by default.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Write a plot (SVG or PNG).")
def simulate(
    *, before: float, peak: float, ramp: float, hold: float, seconds: int, settings: tuple[str, ...], plot: Path | None
) -> None:
    """Play a promotion through the limits of Lambda, SQS, DynamoDB and SNS: a model, not a measurement.

    It tells backlog, throttles, time to placed and published, which limit binds, and what to raise. The limits
    are an account's quotas by default; --set write_units=20000 and the like change one.
    """
    try:
        from ordersctl import flow_model  # noqa: PLC0415 - needs simpy, which only this command does
    except ImportError as error:
        raise click.ClickException("this needs simpy: pip install -r requirements-bench.txt") from error

    def demand(now: float) -> float:
        if now < ramp:
            return before + (peak - before) * now / ramp
        return peak if now < ramp + hold else before

    flow = flow_model.Flow(demand, _limits(flow_model.Limits(), settings)).run(seconds)
    show(flow)
    if plot:
        draw(flow, plot)


def _limits(limits: "Limits", settings: tuple[str, ...]) -> "Limits":
    known = [each.name for each in fields(limits)]
    for setting in settings:
        name, _, value = setting.partition("=")
        try:
            changes: dict[str, Any] = {name: float(value)}
        except ValueError:
            raise click.BadParameter(f"{setting!r} is not like write_units=20000.", param_hint="--set") from None
        if name not in known or changes[name] <= 0:
            raise click.BadParameter(f"above 0, and one of {', '.join(known)}.", param_hint="--set")
        limits = replace(limits, **changes)
    return limits


def show(flow: "Flow") -> None:
    from ordersctl.flow_model import RAISE, percentile  # noqa: PLC0415 - see above

    console = Console()
    most = max(flow.samples, key=lambda each: each.backlog)
    table = Table("", "", show_header=False)
    table.add_row("accepted", f"{flow.accepted:,.0f}")
    table.add_row("refused with 429", f"{flow.throttled:,.0f}")
    table.add_row("largest backlog", f"{most.backlog:,.0f} orders, after {most.second:.0f} s")
    table.add_row("most environments", f"{max(each.concurrency for each in flow.samples):,.0f}")
    for name, waits in (("placed", flow.waits), ("published", flow.published_waits)):
        p50, p99 = (percentile(waits, percent) for percent in (50, 99))
        table.add_row(f"time to {name}", f"p50 {p50:,.1f} s, p99 {p99:,.1f} s")
    table.add_row("at the end", f"{flow.samples[-1].backlog:,.0f} wait, {flow.samples[-1].unpublished:,.0f} not told")
    console.print(table)
    if not flow.binding:
        console.print("No limit binds.")
    for name, seconds in flow.binding.most_common():
        console.print(f"{name} binds for {seconds:.0f} s: {RAISE[name]}.")


def draw(flow: "Flow", path: Path) -> None:
    try:
        import matplotlib as mpl  # noqa: PLC0415 - slow to import, and not needed without --plot
    except ImportError as error:
        raise click.ClickException("a plot needs matplotlib: pip install -r requirements-bench.txt") from error
    mpl.use("agg")
    mpl.rcParams["svg.hashsalt"] = "orders"  # the same model gives the same file
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, (rates, backlog, busy) = plt.subplots(3, 1, figsize=(7, 6), sharex=True, layout="constrained")
    seconds = [each.second for each in flow.samples]
    rates.plot(seconds, [each.demand for each in flow.samples], label="asked for")
    rates.plot(seconds, [each.placed for each in flow.samples], label="placed")
    rates.plot(seconds, [each.throttled for each in flow.samples], label="refused (429)")
    rates.set(ylabel="orders per second")
    backlog.plot(seconds, [each.backlog for each in flow.samples], label="in the queue")
    backlog.plot(seconds, [each.unpublished for each in flow.samples], label="stored, not told yet")
    backlog.set(ylabel="orders")
    busy.plot(seconds, [each.concurrency for each in flow.samples], label="environments, accept and process")
    busy.set(ylabel="concurrency", xlabel="seconds")
    for axes in (rates, backlog, busy):
        axes.legend(loc="upper right")
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)
