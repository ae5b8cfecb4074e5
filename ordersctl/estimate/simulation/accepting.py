"""The model of API Gateway and of the function that accepts orders."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from ordersctl.estimate.simulation.limits import Bottleneck
from ordersctl.estimate.simulation.parts import Arrivals, Orders, Queue, TokenBucket
from ordersctl.estimate.simulation.world import Steps, World


class Accepting:
    """Admits requests by rate, runs the function, and puts accepted orders on the queue."""

    def __init__(self, world: World, arrivals: Arrivals, queue: Queue, orders_per_second: float) -> None:
        limits = world.limits
        self._world, self._arrivals, self._queue = world, arrivals, queue
        self._stage = TokenBucket(limits.stage_rate, limits.stage_burst)
        self._api = TokenBucket(limits.api_rate, limits.api_burst)
        per_environment = min(limits.requests_per_environment, 1 / world.times.accept_seconds)
        self._function = world.function(orders_per_second / per_environment)

    def run(self) -> Steps:
        for moment, count in self._arrivals:
            yield self._world.wait(max(0.0, moment - self._world.now))
            self._world.observations.requested += count
            if admitted := self._admit(count):
                self._accept(admitted)

    def _admit(self, count: int) -> int:
        for bucket, bottleneck in ((self._stage, Bottleneck.STAGE_RATE), (self._api, Bottleneck.API_RATE)):
            granted = min(count, int(bucket.available(self._world.now)))
            bucket.spend(granted)
            self._refuse(count - granted, bottleneck)
            count = granted
        return count

    def _accept(self, count: int) -> None:
        world, times = self._world, self._world.times
        seconds, cold_seconds = world.draw(times.accept_seconds), world.draw(times.cold_seconds)
        warm, cold = self._function.begin(count, seconds, cold_seconds, world.now)
        if warm + cold < count:
            self._refuse(count - warm - cold, self._why_no_environment())
        self._answer_after(seconds, warm)
        self._answer_after(seconds + cold_seconds, cold)

    def _why_no_environment(self) -> Bottleneck:
        if self._world.account.is_full():
            return Bottleneck.ACCEPT_CONCURRENCY
        return Bottleneck.ACCEPT_REQUESTS if self._function.is_scaled_out() else Bottleneck.ACCEPT_SCALING

    def _refuse(self, count: int, bottleneck: Bottleneck) -> None:
        if count:
            self._world.observations.refused[bottleneck] += count
            self._world.delay(bottleneck, count)

    def _answer_after(self, seconds: float, count: int) -> None:
        world = self._world
        born = world.now

        def answer(_event: Any) -> None:
            world.account.end(count)
            world.observations.accepted += count
            for index_key, part in self._by_index_key(count):
                self._queue.put(Orders(born, part, index_key))

        if count:
            world.wait(seconds).callbacks.append(answer)

    def _by_index_key(self, count: int) -> Iterator[tuple[int | None, int]]:
        """Draw which of some orders are the largest customer's, and their keys in the index."""
        limits, chance = self._world.limits, self._world.chance
        share, keys = limits.largest_customer, round(limits.index_keys)
        largest = sum(chance.random() < share for _ in range(count)) if share else 0
        if not largest:  # most often, and a Counter takes time
            yield None, count
            return
        drawn = Counter({0: largest}) if keys == 1 else Counter(chance.randrange(keys) for _ in range(largest))
        yield from ((key, part) for key, part in [*drawn.items(), (None, count - largest)] if part)
