"""A run of the model as a picture: rates and throttles, backlog, concurrency, time to placed."""

import statistics
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ordersctl.estimate.simulation.observations import Observations, Sample
from ordersctl.shared import plotting

POINTS = 240  # at most, of a line: what a small picture can show


def draw(observations: Observations, path: Path) -> None:
    """Write an SVG or a PNG."""
    samples = observations.samples
    pyplot = plotting.pyplot()
    figure, (rates, backlog, busy, wait) = pyplot.subplots(4, 1, figsize=(7, 8), sharex=True, layout="constrained")
    seconds = samples[1].second - samples[0].second
    for label, of in (
        ("requested", lambda each: each.requested / seconds),
        ("placed", lambda each: each.placed / seconds),
        ("refused (429)", lambda each: each.refused / seconds),
        ("no environment (5xx)", lambda each: each.failed / seconds),
        ("throttled by DynamoDB", lambda each: each.db_throttles / seconds),
    ):
        _line(rates, samples, of, statistics.fmean, label)
    _line(backlog, samples, lambda each: each.backlog, max, "accepted, not stored yet")
    _line(backlog, samples, lambda each: each.unpublished, max, "stored, not published yet")
    _line(busy, samples, lambda each: each.concurrency, max, "execution environments at work")
    placed = [each for each in samples if each.placed_p99 is not None]
    _line(wait, placed, lambda each: each.placed_p99, max, "time to placed, p99 of a second")
    for axes, unit in ((rates, "per second"), (backlog, "orders"), (busy, "concurrency"), (wait, "seconds")):
        axes.set(ylabel=unit)
        axes.legend(loc="upper right")
    wait.set(xlabel="seconds")
    plotting.save(figure, path)


def _line(
    axes: Any,
    samples: list[Sample],
    of: Callable[[Sample], Any],
    together: Callable[[Iterable[float]], float],
    label: str,
) -> None:
    step = max(1, -(-len(samples) // POINTS))
    parts = [samples[start : start + step] for start in range(0, len(samples), step)]
    axes.plot(
        [part[0].second for part in parts], [together([of(each) for each in part]) for part in parts], label=label
    )
