"""Writes the measured tables of docs/explain/performance.md, and its plots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.instructions.figures import Figure
from bench.instructions.packages import ORDERS, PROJECT_DIR

PAGE = PROJECT_DIR / "docs" / "explain" / "performance.md"
PLOTS = PROJECT_DIR / "docs" / "explain" / "performance"
_OURS, _PEERS = "#1f6f8b", "#b8c4cc"
_Times = Sequence[float]  # CPU seconds to the first answer; CPU and wall seconds of each further call


@dataclass(frozen=True)
class Results:
    """All results of `make bench`; instructions are in millions."""

    interpreter: float
    cold: Mapping[str, float]
    cold_bare: Mapping[str, float]  # without bytecode
    cold_by_http: Mapping[str, float]
    by_function: Mapping[str, tuple[float, float]]
    warm: Mapping[str, Mapping[str, float]]
    warm_batches: Mapping[str, tuple[float, float]]
    cpu: Mapping[str, _Times]
    batches: Mapping[str, tuple[_Times, _Times]]
    calls: Mapping[str, Mapping[str, float]]
    zip_megabytes: float


def write(found: Results, figures: Sequence[Figure]) -> None:
    as_packaged = {**found.cold_bare, ORDERS.name: found.cold[ORDERS.name]}
    _bars(PLOTS / "cold.svg", "Cold start to the first accept, as each one's tool packages it", as_packaged)
    _bars(PLOTS / "warm.svg", "A warm accept", dict(found.warm["accept"]))
    parts = [_figures(figures), _packages(found), _functions(found), _warm(found), _calls(found)]
    replace_part(PAGE, "bench", "\n\n".join(parts))


def replace_part(page: Path, name: str, text: str) -> None:
    """Put a text between a page's markers; the rest of the page is written by hand."""
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, _, rest = page.read_text().partition(start)
    _, _, after = rest.partition(end)
    page.write_text(f"{before}{start}\n{text}\n{end}{after}")


def _figures(figures: Sequence[Figure]) -> str:
    lines = [f"| {' | '.join(each.cells())} |" for each in figures]
    return "\n".join(["| figure | ours | baseline | ratio | target |", "|---|--:|--:|--:|--:|", *lines])


def _packages(found: Results) -> str:
    lines = [
        f"Instructions in millions; {found.interpreter:.0f} of each cold start are the bare interpreter's.",
        "",
        "| accept | cold, bytecode | cold, no bytecode | cold, bytecode, HTTP | cold, CPU ms | warm | warm, CPU ms |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, compiled in found.cold.items():
        cpu = found.cpu[name]
        bare = f"{found.cold_bare[name]:.0f}" if name in found.cold_bare else ""
        cold = [f"{compiled:.0f}", bare, f"{found.cold_by_http[name]:.0f}", f"{cpu[0] * 1e3:.0f}"]
        warm = [f"{found.warm['accept'][name]:.2f}", f"{cpu[1] * 1e3:.2f}"]
        lines.append(f"| {' | '.join([name, *cold, *warm])} |")
    return "\n".join(lines)


def _functions(found: Results) -> str:
    lines = ["| cold start, bytecode for both | ours | Chalice, defaults | ratio |", "|---|--:|--:|--:|"]
    for name, (ours, theirs) in found.by_function.items():
        lines.append(f"| {name} | {ours:.0f} | {theirs:.0f} | {ours / theirs:.2f} |")
    return "\n".join(lines)


def _warm(found: Results) -> str:
    names = list(found.warm["read"])
    head = [f"| warm, per call | {' | '.join(names)} |", "|---" + "|--:" * len(names) + "|"]
    calls = [f"| {call} | {' | '.join(f'{each[name]:.2f}' for name in names)} |" for call, each in found.warm.items()]
    lines = ["| warm, per order | ours | Chalice, defaults | ratio |", "|---|--:|--:|--:|"]
    for name, (ours, theirs) in found.warm_batches.items():
        lines.append(f"| {name} | {ours:.2f} | {theirs:.2f} | {ours / theirs:.2f} |")
    return "\n".join([*head, *calls, "", *lines])


def _calls(found: Results) -> str:
    lines = ["| hop | calls per order |", "|---|---|"]
    for hop, calls in found.calls.items():
        lines.append(f"| {hop} | {', '.join(f'{name} {count:g}' for name, count in calls.items())} |")
    return "\n".join(lines)


def _bars(path: Path, title: str, values: Mapping[str, float]) -> None:
    import matplotlib as mpl  # noqa: PLC0415 - slow to import

    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    mpl.rcParams["svg.hashsalt"] = "orders"  # the same figures give the same file
    names = list(values)[::-1]
    figure, axes = plt.subplots(figsize=(7, 2.6), layout="constrained")
    bars = axes.barh(names, [values[n] for n in names], color=[_OURS if n == ORDERS.name else _PEERS for n in names])
    axes.bar_label(bars, fmt="%.4g", padding=3)
    axes.set(title=title, xlabel="million instructions")
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.12)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
