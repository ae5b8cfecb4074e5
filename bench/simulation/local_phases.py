"""Bursts and quiet phases on the local run, measured by its own logs."""

import itertools
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.load.driver import Post, Target, closed_loop, open_loop
from chalicelib.domain import clock
from ordersctl.client.invoices import Placeable
from ordersctl.estimate.simulation.limits import Times
from ordersctl.estimate.simulation.publishing import PUBLISH_AT_ONCE
from testkit.servers.local_run import LocalRun
from testkit.waiting import eventually

PROCESSOR, PUBLISHER = "process-orders", "publish-events"
DRAIN_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Invocation:
    """One invocation of a handler; `began` is in seconds since the epoch."""

    function: str
    records: int
    began: float
    seconds: float
    poller: int

    @property
    def ended(self) -> float:
        return self.began + self.seconds


@dataclass(frozen=True)
class Phase:
    """The posted orders, and when each was answered, stored and published, in seconds since the first was due."""

    began: float  # since the epoch
    due: Sequence[float]
    answered: Sequence[float]
    stored: Sequence[float]
    published: Sequence[float]

    @property
    def posted_until(self) -> float:
        return max(self.answered)

    @property
    def drained_until(self) -> float:
        return max(self.stored)

    def largest_backlog(self) -> int:
        moments = sorted([*((moment, 1) for moment in self.answered), *((moment, -1) for moment in self.stored)])
        return max(itertools.accumulate(change for _, change in moments))


class Watched:
    """Reads the local run's logs, each line once."""

    def __init__(self, run: LocalRun) -> None:
        self._logs = run.state_dir / "logs"
        self._read: dict[Path, int] = {}
        self.stored: dict[str, float] = {}
        self.published: dict[str, float] = {}
        self.invocations: list[Invocation] = []

    def read(self) -> None:
        for line in self._new_lines(self._logs / "handlers.log"):
            seen = {"order.placed": self.stored, "event.published": self.published}.get(line.get("event", ""))
            if seen is not None:
                seen[line["order_id"]] = clock.to_seconds(line["time"])
        self.invocations += [Invocation(**line) for line in self._new_lines(self._logs / "invocations.log")]

    def _new_lines(self, log: Path) -> Iterator[dict[str, Any]]:
        if not log.exists():  # the event sources make it when they have started
            return
        with log.open("rb") as file:
            file.seek(self._read.get(log, 0))
            whole, end, _ = file.read().rpartition(b"\n")
        self._read[log] = self._read.get(log, 0) + len(whole) + len(end)
        for line in whole.splitlines():
            if line.startswith(b"{"):
                yield json.loads(line)

    def phase(self, post: Callable[[], list[Post]]) -> Phase:
        """Post orders, and wait until their events are published."""
        posts = [each for each in post() if each.order_id]

        def all_published() -> bool:
            self.read()
            return all(each.order_id in self.published and each.order_id in self.stored for each in posts)

        eventually(all_published, within=DRAIN_TIMEOUT_SECONDS)
        began = min(each.due for each in posts)
        return Phase(
            began=began,
            due=[each.due - began for each in posts],
            answered=[each.due + each.seconds - began for each in posts],
            stored=[self.stored[each.order_id] - began for each in posts],
            published=[self.published[each.order_id] - began for each in posts],
        )


def burst(target: Target, orders: Sequence[Placeable], clients: int, seconds: float, name: str) -> list[Post]:
    return closed_loop(target, orders, clients, seconds, f"{name}-{time.time()}")


def quiet(target: Target, orders: Sequence[Placeable], rate: float, seconds: float, name: str) -> list[Post]:
    return open_loop(target, orders, rate, seconds, f"{name}-{time.time()}")


def service_times(phase: Phase, invocations: Sequence[Invocation], since: float, until: float, *, busy: bool) -> Times:
    """Service times between two moments of a phase, by linear regression over its invocations.

    The time that a poller of the queue needs is the pause between its invocations while it is `busy`, and otherwise
    the pause between a response and the invocation that handles its order.
    """
    within = [each for each in invocations if since <= each.began - phase.began < until]
    processed = [(each.records, each.seconds) for each in within if each.function == PROCESSOR]
    published = [
        (math.ceil(each.records / PUBLISH_AT_ONCE), each.seconds) for each in within if each.function == PUBLISHER
    ]
    process, publish = _line(processed), _line(published)
    return Times(
        accept_seconds=statistics.fmean(end - begin for begin, end in zip(phase.due, phase.answered, strict=True)),
        cold_seconds=0,
        receive_seconds=_between(within, PROCESSOR) if busy else _until_noticed(phase, within),
        process_seconds=process[0],
        process_order_seconds=process[1],
        publish_seconds=publish[0] + (_between(within, PUBLISHER) if busy else 0),
        publish_call_seconds=publish[1],
        spread=_spread([seconds / (process[0] + process[1] * records) for records, seconds in processed]),
    )


def _line(samples: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """Seconds of an invocation, and of each of its records: a regression line without negative values."""
    counts, seconds = [each[0] for each in samples], [each[1] for each in samples]
    if len(set(counts)) == 1:
        return 0.0, statistics.fmean(seconds) / counts[0]
    slope, intercept = statistics.linear_regression(counts, seconds)
    if intercept < 0:
        return 0.0, sum(seconds) / sum(counts)
    return (intercept, slope) if slope > 0 else (statistics.fmean(seconds), 0.0)


def _between(invocations: Sequence[Invocation], function: str) -> float:
    pauses = []
    of_function = [each for each in invocations if each.function == function]
    for poller in {each.poller for each in of_function}:
        own = [each for each in of_function if each.poller == poller]
        pauses += [after.began - before.ended for before, after in itertools.pairwise(own)]
    return statistics.fmean(pauses) if pauses else 0.0


def _until_noticed(phase: Phase, invocations: Sequence[Invocation]) -> float:
    pauses = []
    for each in invocations:
        if each.function == PROCESSOR:
            began = each.began - phase.began
            pauses.append(began - max((moment for moment in phase.answered if moment < began), default=began))
    return statistics.fmean(pauses)


def _spread(values: Sequence[float]) -> float:
    return statistics.stdev(values) / statistics.fmean(values) if len(values) > 1 else 0.0
