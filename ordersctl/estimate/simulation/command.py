"""`ordersctl simulate`: simulates a promotion within AWS's limits."""

import math
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import click

from chalicelib.settings import MOST_INDEX_KEYS
from ordersctl.estimate.simulation.limits import ADVICE, Bottleneck, Limits, Times
from ordersctl.estimate.simulation.observations import Observations, percentile
from ordersctl.estimate.simulation.plot import draw
from ordersctl.shared.options import Finite
from ordersctl.shared.output import Console, Table, number_of
from ordersctl.shared.plotting import plot_option

_MOST = 1_000_000.0  # orders per second, and seconds: beyond what the model is for
_COUNTS = {"concurrency", "pollers", "pollers_most", "maximum_concurrency", "batch", "records", "parallelization"}
_COUNTS |= {"shards", "max_receives", "in_flight", "index_keys"}
# https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html; a log-normal distribution cannot be
# drawn from with a much larger spread.
_MOST_OF = {"batch": 10_000, "records": 10_000, "parallelization": 10, "maximum_concurrency": 1_000, "spread": 3}
_MOST_OF |= {"index_keys": MOST_INDEX_KEYS}
_FRACTIONS = {"largest_customer", "stream_pause_seconds", "item_units"}


@click.command()
@click.option("--before", type=Finite(0, _MOST), default=50.0, show_default=True, help="Orders per second.")
@click.option("--peak", type=Finite(0, _MOST), default=20_000.0, show_default=True, help="Orders per second.")
@click.option("--ramp", type=Finite(1, _MOST), default=60.0, show_default=True, help="Seconds up to the peak.")
@click.option("--hold", type=Finite(0, _MOST), default=120.0, show_default=True, help="Seconds at the peak.")
@click.option(
    "--seconds", type=click.IntRange(10, 36_000), default=1_800, show_default=True, help="How long to simulate."
)
@click.option(
    "--hot-customer", type=Finite(0, 1), default=0.0, show_default=True, help="The share of orders of one customer."
)
@click.option(
    "--spread",
    type=click.IntRange(1, MOST_INDEX_KEYS),
    default=1,
    show_default=True,
    help="Keys of the index that the hot customer's orders are spread over (SpreadCustomers).",
)
@click.option("--set", "settings", metavar="LIMIT=VALUE", multiple=True, help="Change a limit or a time; repeatable.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same run.")
@plot_option
def simulate(
    *,
    before: float,
    peak: float,
    ramp: float,
    hold: float,
    seconds: int,
    hot_customer: float,
    spread: int,
    settings: tuple[str, ...],
    seed: int,
    plot: Path | None,
) -> None:
    """Simulate a promotion within the limits of API Gateway, Lambda, SQS, DynamoDB and SNS: a model, not a measurement.

    It prints backlog, throttles, time to placed and published, which limit binds, and what to raise. By default the
    limits are an account's quotas and this service's own settings; --set write_units=20000 and the like change one, or
    a time that work is assumed to take.
    """
    try:
        from ordersctl.estimate.simulation.model import Flow  # noqa: PLC0415 - only this command needs simpy
    except ImportError as error:
        raise click.ClickException("this needs simpy: .venv/bin/pip install -r requirements-dev.txt") from error

    def demand(now: float) -> float:
        if now < ramp:
            return before + (peak - before) * now / ramp
        return peak if now < ramp + hold else before

    hot = Limits(largest_customer=hot_customer, index_keys=spread)
    limits, times = _changed(hot, Times(), settings)
    observations = Flow(demand, limits, lambda _now: times, seed=seed).run(seconds)
    show(observations, limits)
    if plot:
        draw(observations, plot)


def _changed(limits: Limits, times: Times, settings: tuple[str, ...]) -> tuple[Limits, Times]:
    """Return limits and times with the settings of --set; BadParameter."""
    of_limits, of_times = ([each.name for each in fields(kind)] for kind in (Limits, Times))
    for setting in settings:
        name, _, value = setting.partition("=")
        try:
            changes: dict[str, Any] = {name: float(value)}
        except ValueError:
            raise click.BadParameter(f"{setting!r} is not like write_units=20000.", param_hint="--set") from None
        if name not in of_limits + of_times:
            raise click.BadParameter(f"one of {', '.join(of_limits + of_times)}.", param_hint="--set")
        if complaint := _complaint(name, changes[name], is_limit=name in of_limits):
            raise click.BadParameter(f"{name} is {complaint}.", param_hint="--set")
        if name in of_limits:
            limits = replace(limits, **changes)
        else:
            times = replace(times, **changes)
    if times.process_seconds + limits.batch * times.process_order_seconds >= limits.visibility_seconds:
        raise click.BadParameter(
            "a batch takes longer than visibility_seconds: it would be delivered again.", param_hint="--set"
        )
    return limits, times


def _complaint(name: str, number: float, *, is_limit: bool) -> str | None:
    """Return what a number should be and is not; None when it is valid."""
    if not 0 < number < math.inf:
        return "above 0"
    if name == "largest_customer" and number > 1:
        return "a share"
    if is_limit and name not in _FRACTIONS and number < 1:
        return "at least 1"
    if number > _MOST_OF.get(name, math.inf):
        return f"at most {_MOST_OF[name]:,}"
    return "a whole number" if name in _COUNTS and not number.is_integer() else None


def keys_to_set(observations: Observations, limits: Limits) -> int:
    """Return how many keys to spread the largest customer over: twice what its busiest second needs.

    Twice, because DynamoDB may keep two keys in one partition until it has split it for their load.
    """
    busiest = max(each.requested - each.refused - each.failed for each in observations.samples)
    return max(1, math.ceil(2 * busiest * limits.largest_customer / limits.partition_units))


def show(observations: Observations, limits: Limits) -> None:
    console = Console()
    largest = max(observations.samples, key=lambda each: each.backlog)
    table = Table("", "", show_header=False)
    table.add_row("accepted", f"{observations.accepted:,}")
    table.add_row("refused by API Gateway (429)", f"{observations.refused_by_api_gateway:,}")
    table.add_row("no room in Lambda (5xx)", f"{observations.refused.total() - observations.refused_by_api_gateway:,}")
    table.add_row("largest backlog", f"{number_of(largest.backlog, 'order')}, after {largest.second:.0f} s")
    table.add_row("most environments", f"{max(each.concurrency for each in observations.samples):,}")
    table.add_row("writes that DynamoDB throttled", f"{observations.db_throttles:,}")
    table.add_row("given up (dead-letter queue)", f"{observations.given_up:,}")
    for name, waits in (("placed", observations.waits), ("published", observations.published_waits)):
        p50, p99 = (f"{percentile(waits, percent):,.2f} s" if waits else "-" for percent in (50, 99))
        table.add_row(f"time to {name}", f"p50 {p50}, p99 {p99}")
    table.add_row("at the end", f"{observations.backlog:,} wait, {observations.unpublished:,} not published")
    if not observations.bottlenecks:
        table.add_row("a limit that binds", "none")
    for bottleneck, seconds in observations.bottlenecks.most_common():
        advice = ADVICE[bottleneck]
        if bottleneck is Bottleneck.INDEX_KEY:
            advice += f": over {keys_to_set(observations, limits)}"
        table.add_row("a limit that binds", f"{bottleneck}, for {seconds} s: {advice}")
    console.print(table)
