"""How orders flow through AWS's limits: a discrete-event model (simpy), by steps of a quarter of a second.

Orders move in cohorts of one step, so 20,000 a second cost no more than 50. Queues are first in, first out.
"""

from collections import Counter, deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import simpy

STEP = 0.25  # seconds
_LITTLE = 1e-9


@dataclass(frozen=True)
class Limits:
    """AWS's quotas as an account has them by default (us-east-1), and this service's own settings."""

    # https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
    api_rate: float = 10_000  # requests per second
    api_burst: float = 5_000
    # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, …/lambda-concurrency.html
    concurrency: float = 1_000  # of all functions of the account together
    scaling_per_second: float = 100  # execution environments per function: 1,000 every 10 s
    # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
    pollers: float = 5
    pollers_per_minute: float = 300
    pollers_most: float = 1_250  # or the mapping's MaximumConcurrency
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html
    write_units: float = 4_000  # per second, of a new on-demand table and of its index
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html: a shard per 1,000 written a second
    shards: float = 4
    parallelization: float = 1  # batches of a shard at once: the mapping's ParallelizationFactor
    # https://docs.aws.amazon.com/general/latest/gr/sns.html
    sns_rate: float = 30_000  # messages per second
    batch: float = 10  # orders per invocation of the processor
    records: float = 100  # changes per invocation of the publisher
    accept_seconds: float = 0.015
    process_seconds: float = 0.030
    publish_seconds: float = 0.120
    item_units: float = 1  # write units of one order


# name of a limit -> what to do about it
RAISE = {
    "API Gateway rate": "ask for a higher account throttle, or shard by region",
    "Lambda concurrency (accept)": "ask for more account concurrency, or accept directly (API Gateway to SQS)",
    "Lambda scaling (accept)": "provisioned concurrency before the promotion, or direct acceptance",
    "SQS pollers": "raise MaximumConcurrency, or use provisioned pollers; the rest is 300 more a minute",
    "Lambda concurrency (process)": "ask for more account concurrency, or reserve some for the processor",
    "DynamoDB write units": "set the table's and the index's warm throughput before the promotion",
    "Stream shards": "raise ParallelizationFactor (1 to 10)",
    "SNS rate": "ask for a higher publish quota",
}


@dataclass
class Sample:
    """What is seen at one moment; rates are per second."""

    second: float
    demand: float
    throttled: float
    backlog: float
    unpublished: float
    concurrency: float
    placed: float


@dataclass
class Cohorts:
    """Orders that wait, by when they came."""

    waiting: deque[list[float]] = field(default_factory=deque)
    count: float = 0.0

    def add(self, born: float, count: float) -> None:
        if count > _LITTLE:
            self.waiting.append([born, count])
            self.count += count

    def take(self, count: float) -> list[tuple[float, float]]:
        """The oldest, with when each was born."""
        taken = []
        while count > _LITTLE and self.waiting:
            born, there = self.waiting[0]
            some = min(there, count)
            taken.append((born, some))
            count -= some
            self.count -= some
            if some >= there - _LITTLE:
                self.waiting.popleft()
            else:
                self.waiting[0][1] = there - some
        return taken


@dataclass
class Flow:
    """One run of the model."""

    demand: Callable[[float], float]  # second -> orders per second
    limits: Limits = field(default_factory=Limits)
    samples: list[Sample] = field(default_factory=list)
    waits: list[tuple[float, float]] = field(default_factory=list)  # (seconds to placed, orders)
    published_waits: list[tuple[float, float]] = field(default_factory=list)
    binding: Counter[str] = field(default_factory=Counter)  # limit -> seconds
    accepted: float = 0.0
    throttled: float = 0.0
    _queue: Cohorts = field(default_factory=Cohorts)
    _stream: Cohorts = field(default_factory=Cohorts)
    _tokens: float = 0.0
    _environments: float = 0.0
    _pollers: float = 0.0

    def run(self, seconds: float) -> "Flow":
        self._tokens, self._pollers = self.limits.api_burst, self.limits.pollers
        world = simpy.Environment()
        world.process(self._live(world))
        world.run(until=seconds)
        return self

    def _live(self, world: simpy.Environment) -> Generator[Any, Any, None]:
        while True:
            asked = self.demand(world.now)
            accepted, busy = self._accept(asked, world.now)
            placed = self._place(busy, world.now)
            self._publish(world.now)
            self.samples.append(
                Sample(
                    world.now,
                    asked,
                    asked - accepted,
                    self._queue.count,
                    self._stream.count,
                    busy + min(self._pollers, placed * self.limits.process_seconds / self.limits.batch),
                    placed,
                )
            )
            yield world.timeout(STEP)

    def _accept(self, asked: float, now: float) -> tuple[float, float]:
        """Orders accepted per second, and the execution environments that they keep busy."""
        limits = self.limits
        self._tokens = min(limits.api_burst, self._tokens + limits.api_rate * STEP)
        wanted = asked * limits.accept_seconds
        self._environments = min(max(wanted, self._environments), self._environments + limits.scaling_per_second * STEP)
        accepted = self._least(
            asked,
            {
                "API Gateway rate": self._tokens / STEP,
                "Lambda concurrency (accept)": limits.concurrency / limits.accept_seconds,
                "Lambda scaling (accept)": max(self._environments, 10) / limits.accept_seconds,
            },
        )
        self._tokens -= accepted * STEP
        self.accepted += accepted * STEP
        self.throttled += (asked - accepted) * STEP
        self._queue.add(now, accepted * STEP)
        return accepted, accepted * limits.accept_seconds

    def _place(self, busy: float, now: float) -> float:
        """Orders stored per second."""
        limits = self.limits
        per_environment = limits.batch / limits.process_seconds
        waiting = self._queue.count / STEP
        if waiting > self._pollers * per_environment:
            self._pollers = min(limits.pollers_most, self._pollers + limits.pollers_per_minute / 60 * STEP)
        placed = self._least(
            waiting,
            {
                "SQS pollers": self._pollers * per_environment,
                "Lambda concurrency (process)": max(limits.concurrency - busy, 0) * per_environment,
                "DynamoDB write units": limits.write_units / limits.item_units,
            },
        )
        for born, count in self._queue.take(placed * STEP):
            self.waits.append((now - born + limits.process_seconds, count))
            self._stream.add(born, count)
        return placed

    def _publish(self, now: float) -> None:
        limits = self.limits
        rate = self._least(
            self._stream.count / STEP,
            {
                "Stream shards": limits.shards * limits.parallelization * limits.records / limits.publish_seconds,
                "SNS rate": limits.sns_rate,
            },
        )
        self.published_waits += [
            (now - born + limits.publish_seconds, count) for born, count in self._stream.take(rate * STEP)
        ]

    def _least(self, wanted: float, ceilings: dict[str, float]) -> float:
        name = min(ceilings, key=lambda each: ceilings[each])
        if wanted > ceilings[name] + _LITTLE:
            self.binding[name] += STEP  # type: ignore[assignment]  # seconds, in steps: typeshed counts in whole numbers
            return ceilings[name]
        return wanted


def percentile(waits: list[tuple[float, float]], percent: float) -> float:
    """The wait (seconds) that `percent` of the orders do not exceed."""
    total = sum(count for _, count in waits) * percent / 100
    seen = 0.0
    for wait, count in sorted(waits):
        seen += count
        if seen >= total - _LITTLE:
            return wait
    return 0.0
