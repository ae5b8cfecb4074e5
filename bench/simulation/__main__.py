"""`make simulate-check`: compares the model of `ordersctl simulate` with the local run, on measured service times."""

import math
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from bench import report
from bench.instructions.packages import PROJECT_DIR
from bench.load.driver import Target
from bench.simulation import local_phases
from bench.simulation.local_phases import Phase, Watched, service_times
from ordersctl.client import invoice_file, invoices
from ordersctl.client.arrivals import percentile
from ordersctl.client.invoices import Placeable
from ordersctl.estimate.simulation.limits import Limits, Times
from ordersctl.estimate.simulation.model import Flow
from ordersctl.estimate.simulation.observations import Observations
from ordersctl.estimate.simulation.observations import percentile as weighted_percentile
from ordersctl.local.event_sources.dynamodb_streams import STREAM_PAUSE_SECONDS
from ordersctl.local.event_sources.mappings import QUEUE_POLLERS
from ordersctl.local.tokens import SERVICE_SCOPE, local_token
from ordersctl.shared.options import Finite
from testkit.servers.local_run import LocalRun
from testkit.servers.processes import end_like_ctrl_c

CLIENTS = 32  # enough clients to post more orders than the local processor can handle meanwhile
QUIET_RATE = 5.0  # orders per second
SAMPLE_SECONDS = 0.05
FACTOR = 2  # the most that model and measurement may differ by; other load of the machine causes some of it
_SECONDS = Finite(1, 600)
NO_LIMIT = 1e9
LOCAL_LIMITS = Limits(
    stage_rate=NO_LIMIT,
    stage_burst=NO_LIMIT,
    api_rate=NO_LIMIT,
    api_burst=NO_LIMIT,
    concurrency=NO_LIMIT,
    requests_per_environment=NO_LIMIT,
    scaling_burst=NO_LIMIT,
    pollers=QUEUE_POLLERS,
    maximum_concurrency=QUEUE_POLLERS,
    in_flight=NO_LIMIT,
    write_units=NO_LIMIT,
    index_units=NO_LIMIT,
    partition_units=NO_LIMIT,
    shards=1,
    stream_pause_seconds=STREAM_PAUSE_SECONDS,
    sns_rate=NO_LIMIT,
)


@dataclass(frozen=True)
class Figure:
    name: str
    measured: float
    modelled: float
    negligible: float  # smaller values count as equal to this one

    @property
    def ratio(self) -> float:
        return max(self.modelled, self.negligible) / max(self.measured, self.negligible)


@dataclass(frozen=True)
class Durations:
    """Seconds of posting."""

    calibration: float
    burst: float
    quiet: float


class Check:
    """Calibrates the model by one burst and one quiet phase, and compares it with a second burst and quiet phase."""

    def __init__(self, run: LocalRun) -> None:
        file = (PROJECT_DIR / "tests" / "data" / "online-retail-cut.csv").read_bytes()
        judged = [
            invoices.judge(number, rows, currency="GBP", guest="guest")
            for number, rows in invoice_file.read(file).invoices.items()
        ]
        self._orders = [each for each in judged if isinstance(each, Placeable)]
        self._target = Target(run.api_port, local_token(subject="load", scope=SERVICE_SCOPE))
        self._watched = Watched(run)

    def close(self) -> None:
        self._target.close()

    def figures(self, durations: Durations) -> list[Figure]:
        self.warm()
        busy, free = self.burst_times(self.burst(durations.calibration, "calibrate"))
        calm = self._quiet_times(self._quiet(durations.quiet, "calibrate-quiet"))
        burst = self.burst(durations.burst, "burst")
        quiet = self._quiet(durations.quiet, "quiet")
        return [*of_burst(burst, busy, free), *_of_quiet(quiet, calm)]

    def warm(self) -> None:
        self.burst(1, "warm", clients=4)

    def burst(self, seconds: float, name: str, clients: int = CLIENTS) -> Phase:
        return self._watched.phase(partial(local_phases.burst, self._target, self._orders, clients, seconds, name))

    def _quiet(self, seconds: float, name: str) -> Phase:
        return self._watched.phase(partial(local_phases.quiet, self._target, self._orders, QUIET_RATE, seconds, name))

    def burst_times(self, phase: Phase) -> tuple[Times, Times]:
        """Service times while orders arrive and the API uses the machine too, and afterwards."""
        return self._busy_times(phase, 0, phase.posted_until), self._busy_times(phase, phase.posted_until, math.inf)

    def _busy_times(self, phase: Phase, since: float, until: float) -> Times:
        try:
            return service_times(phase, self._watched.invocations, since, until, busy=True)
        except statistics.StatisticsError:  # a function was not invoked in this part of the phase
            return service_times(phase, self._watched.invocations, 0, math.inf, busy=True)

    def _quiet_times(self, phase: Phase) -> Times:
        return service_times(phase, self._watched.invocations, 0, math.inf, busy=False)


def modelled(phase: Phase, during: Times, afterwards: Times) -> Observations:
    """The model's observations of the same requests at the same moments, with the local run's limits."""
    flow = Flow(
        lambda _now: 0,
        LOCAL_LIMITS,
        lambda now: during if now < phase.posted_until else afterwards,
        arrivals=_one_by_one(phase.due),
    )
    return flow.run(10 * phase.drained_until + 10, sample_seconds=SAMPLE_SECONDS)


def _one_by_one(moments: Sequence[float]) -> Iterator[tuple[float, int]]:
    yield from ((moment, 1) for moment in sorted(moments))


def of_burst(phase: Phase, busy: Times, free: Times) -> list[Figure]:
    seen = modelled(phase, busy, free)
    measured = phase.drained_until - phase.posted_until
    drained = next(each.second for each in seen.samples if each.second > phase.posted_until and not each.backlog)
    largest = max(each.backlog for each in seen.samples)
    return [
        Figure("burst: largest backlog, orders", phase.largest_backlog(), largest, negligible=50),
        Figure("burst: seconds until drained", measured, drained - phase.posted_until, negligible=0.5),
        *_waits("burst", phase, seen),
    ]


def _of_quiet(phase: Phase, calm: Times) -> list[Figure]:
    return _waits("quiet", phase, modelled(phase, calm, calm))


def _waits(name: str, phase: Phase, seen: Observations) -> list[Figure]:
    figures = []
    for what, moments, waits in (
        ("placed", phase.stored, seen.waits),
        ("published", phase.published, seen.published_waits),
    ):
        measured = [moment - due for moment, due in zip(moments, phase.due, strict=True)]
        figures += [
            Figure(f"{name}: p{p} until {what}, s", percentile(measured, p), weighted_percentile(waits, p), 0.01)
            for p in (50, 99)
        ]
    return figures


@contextmanager
def checking() -> Iterator[Check]:
    """A check beside a local run of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        run = LocalRun.start(Path(scratch))
        try:
            with closing(Check(run.ready())) as check:
                yield check
        finally:
            run.stop()


@click.command()
@click.option(
    "--calibration",
    type=_SECONDS,
    default=10.0,
    show_default=True,
    help="Seconds of posting that the service times are measured in.",
)
@click.option("--burst", type=_SECONDS, default=15.0, show_default=True, help="Seconds of posting that are compared.")
@click.option(
    "--quiet", type=_SECONDS, default=20.0, show_default=True, help="Seconds of posting five orders per second."
)
def main(calibration: float, burst: float, quiet: float) -> None:
    """Post bursts and quiet phases to the local run, and compare its figures with the model's.

    Fails when a figure of the model differs by more than a factor of two.
    """
    end_like_ctrl_c()
    with checking() as check:
        figures = check.figures(Durations(calibration, burst, quiet))
    head = ("", "measured", "modelled", "modelled / measured")
    rows = [(each.name, _shown(each.measured), _shown(each.modelled), f"{each.ratio:.2f}") for each in figures]
    table = Table(*head)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
    lines = [f"| {' | '.join(row)} |" for row in [head, *rows]]
    report.replace_part(report.PAGE, "simulate-check", "\n".join([lines[0], "|---|--:|--:|--:|", *lines[1:]]))
    if off := [each.name for each in figures if not 1 / FACTOR <= each.ratio <= FACTOR]:
        raise click.ClickException(f"the model differs by more than a factor of {FACTOR}: {', '.join(off)}")


def _shown(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:.3g}"


if __name__ == "__main__":
    main()
