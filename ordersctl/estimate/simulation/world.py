"""What all parts of a simulation run share: its time, limits, randomness, concurrency and observations."""

import math
import random
from collections.abc import Callable, Generator
from typing import Any

import simpy

from ordersctl.estimate.simulation.limits import Bottleneck, Limits, Times
from ordersctl.estimate.simulation.observations import Observations
from ordersctl.estimate.simulation.parts import Account, Function, TokenBucket, draw

Steps = Generator[Any, Any, None]
THROTTLED_PAUSE_SECONDS = 0.1  # of a caller, when Lambda has no room for its batch; not documented


class World:
    def __init__(self, limits: Limits, times: Callable[[float], Times], seed: int) -> None:
        self.limits = limits
        self.chance = random.Random(seed)  # noqa: S311 - no secret
        self.observations = Observations()
        self.account = Account(limits.concurrency)
        self._times = times
        self._environment = simpy.Environment()

    @property
    def now(self) -> float:
        """Seconds since the start of the run."""
        return float(self._environment.now)

    @property
    def times(self) -> Times:
        """How long work takes now."""
        return self._times(self.now)

    def start(self, steps: Steps) -> None:
        """Run these steps beside all others."""
        self._environment.process(steps)

    def run(self, seconds: float) -> None:
        self._environment.run(until=seconds + 1e-6)  # so that what is due at the end still happens

    def event(self) -> Any:
        """Return an event that steps can wait for, and others trigger."""
        return self._environment.event()

    def wait(self, seconds: float) -> Any:
        """Return an event that is triggered after so many seconds."""
        return self._environment.timeout(seconds)

    def draw(self, mean: float) -> float:
        """Draw a time of this mean."""
        return draw(mean, self.times.spread, self.chance)

    def delay(self, bottleneck: Bottleneck, orders: int = 1) -> None:
        """Note that a bottleneck delays or refuses orders."""
        self.observations.note_delayed(bottleneck, self.now, orders)

    def function(self, warm: float) -> Function:
        """Return a function that has `warm` environments at the start."""
        scaling = TokenBucket(self.limits.scaling_per_second, self.limits.scaling_burst)
        return Function(self.account, scaling, self.limits.requests_per_environment, math.ceil(warm))

    def invoke(self, function: Function, seconds: float, bottleneck: Bottleneck, count: int) -> Steps:
        """Wait for an execution environment, then for its work. It stays in use until the caller ends it."""
        cold_seconds = self.draw(self.times.cold_seconds)
        while not any(begun := function.begin(1, seconds, cold_seconds, self.now)):
            self.delay(bottleneck, count)
            yield self.wait(THROTTLED_PAUSE_SECONDS)
        yield self.wait(seconds + begun[1] * cold_seconds)
