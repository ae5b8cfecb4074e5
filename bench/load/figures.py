"""The table and the plot of `make load`."""

from typing import Any

from bench import report
from bench.load.driver import Post
from bench.load.observations import Observations
from ordersctl.client.arrivals import percentile

TARGET = 1.1  # the most that p99 of an accept may grow while all consumers are stopped
PLACED = {201, 202}  # the monolith's status, and this service's


def rows(ours: Observations, theirs: Observations, rate: float) -> list[list[str]]:
    """A header row, and a row per step: milliseconds, p50 / p99."""
    cells = [["ms, p50 / p99", "orders: accepted", "placed", "published", "failed", "monolith: answered", "failed"]]
    others = theirs.steps(rate)
    for name, posts in ours.steps(rate).items():
        ids = [each.order_id for each in posts if each.order_id]
        waits = [_quantiles([known[each] for each in ids]) for known in (ours.placed, ours.published)]
        answered = [_quantiles([each.seconds for each in found]) for found in (posts, others[name])]
        cells.append([name, answered[0], *waits, _failed(posts), answered[1], _failed(others[name])])
    return cells


def _quantiles(seconds: list[float]) -> str:
    return " / ".join(f"{percentile(seconds, percent) * 1e3:.0f}" for percent in (50, 99))


def _failed(posts: list[Post]) -> str:
    return f"{sum(each.status not in PLACED for each in posts)} of {len(posts)}"


def outage_sentence(ours: Observations, theirs: Observations) -> str:
    """Compares p99 of an accept with the services stopped with p99 before."""
    ratios = []
    for seen in (ours, theirs):
        healthy, stopped, _ = (percentile([each.seconds for each in posts], 99) for posts in seen.around_the_outage())
        ratios.append(stopped / healthy)
    missed = "" if ratios[0] <= TARGET else " (**missed**)"
    return (
        f"p99 with the services stopped against before: orders {ratios[0]:.2f}, target ≤ {TARGET}{missed}; "
        f"monolith {ratios[1]:.0f}."
    )


def draw(ours: Observations, theirs: Observations) -> None:
    import matplotlib as mpl  # noqa: PLC0415 - slow to import

    mpl.use("agg")  # thousands of points: a bitmap is smaller than a vector drawing
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, (latency, backlog) = plt.subplots(2, 1, figsize=(7, 5.5), layout="constrained")
    _draw_latency(latency, ours, theirs)
    _draw_backlog(backlog, ours)
    report.PLOTS.mkdir(exist_ok=True)
    figure.savefig(report.PLOTS / "load.png", dpi=110)
    plt.close(figure)


def _draw_latency(axes: Any, ours: Observations, theirs: Observations) -> None:
    for name, seen, color in (("orders", ours, "#1f6f8b"), ("monolith", theirs, "#c2571a")):
        first = seen.outage[0].due
        for placed, mark in ((True, "."), (False, "x")):
            chosen = [each for each in seen.outage if (each.status in PLACED) is placed]
            label = name if placed else f"{name}, failed"
            moments = [each.due - first for each in chosen]
            if chosen:
                axes.plot(moments, [each.seconds for each in chosen], mark, ms=3, color=color, label=label)
    axes.axvspan(*[moment - ours.outage[0].due for moment in ours.stopped], color="#eeeeee")
    axes.set(yscale="log", ylabel="seconds to the answer", title="The services behind are stopped (grey)")
    axes.legend(loc="upper right")


def _draw_backlog(axes: Any, ours: Observations) -> None:
    moments = [moment for moment, _, _ in ours.backlog]
    axes.plot(moments, [orders for _, orders, _ in ours.backlog], label="order queue")
    axes.plot(moments, [events for _, _, events in ours.backlog], label="invoicing's queue")
    axes.axvspan(*[moment - ours.start for moment in ours.stopped], color="#eeeeee")
    axes.set(xlabel="seconds", ylabel="messages", title="Backlog: spike, closed loop, outage")
    axes.legend(loc="upper left")
