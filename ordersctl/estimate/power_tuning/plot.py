"""A power tuning as a picture: billed milliseconds and cost by memory size."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ordersctl.estimate.power_tuning.measurement import Measurement
from ordersctl.shared import plotting


def draw(measurements: Sequence[Measurement], price: Mapping[str, Any], function: str, path: Path) -> None:
    """Write an SVG or a PNG."""
    figure, speed = plotting.pyplot().subplots(figsize=(7, 3.5), layout="constrained")
    cost = speed.twinx()
    sizes = [each.memory for each in measurements]
    dollars = [each.dollars_per_million(price) for each in measurements]
    speed.plot(sizes, [each.milliseconds for each in measurements], "o-", color="#1f6f8b", label="billed ms")
    cost.plot(sizes, dollars, "s--", color="#c2571a", label="$ per million")
    speed.set(xlabel="memory (MB)", ylabel="billed ms", title=function, ylim=(0, None))
    cost.set(ylabel="US dollars per million", ylim=(0, None))
    figure.legend(loc="outside lower center", ncols=2)
    plotting.save(figure, path)
