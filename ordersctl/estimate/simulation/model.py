"""How orders flow through AWS's limits: a discrete-event model (simpy) of requests, batches and invocations.

Requests that arrive within two milliseconds move together; from the queue on, every batch, invocation, retry and
PublishBatch is an event of its own. Randomness is seeded: the same seed gives the same run.
"""

import math
import random
from collections import deque
from collections.abc import Callable, Generator
from typing import Any

import simpy

from chalicelib import wiring
from chalicelib.aws import retries
from ordersctl.estimate.simulation.dynamodb import Table
from ordersctl.estimate.simulation.limits import Bottleneck, Limits, Times
from ordersctl.estimate.simulation.observations import Observations
from ordersctl.estimate.simulation.parts import (
    Account,
    Arrivals,
    Function,
    Orders,
    Queue,
    TokenBucket,
    draw,
    poisson,
    take,
    total,
)

_TIMES = Times()
_Steps = Generator[Any, Any, None]

WRITE_ATTEMPTS = wiring.CALL_POLICY.attempts
FIRST_BACKOFF_SECONDS = retries.FIRST_BACKOFF_SECONDS
PUBLISH_AT_ONCE = 10  # SNS PublishBatch
THROTTLED_PAUSE_SECONDS = 0.1  # of a poller, when Lambda has no room for its batch; not documented
SCALE_SECONDS = 0.2  # between two additions of pollers
LEAST_SECONDS = 0.001  # of a wait, so that rounding does not make it zero
# Bottlenecks that explain why all pollers or shards are busy; more pollers or shards would only make them worse.
_BEHIND_POLLERS = {
    Bottleneck.TABLE,
    Bottleneck.INDEX,
    Bottleneck.PARTITION,
    Bottleneck.PROCESS_CONCURRENCY,
    Bottleneck.IN_FLIGHT,
}
_BEHIND_SHARDS = {Bottleneck.SNS, Bottleneck.PUBLISH_CONCURRENCY}
_NEGLIGIBLE = 0.1  # of what gets through: so few delays behind the pollers do not explain a backlog before them


class Flow:
    """Requests, the queue, its pollers and the processor, the table, the stream's shards and the publisher."""

    def __init__(
        self,
        demand: Callable[[float], float],  # second -> orders per second
        limits: Limits = Limits(),  # noqa: B008 - frozen
        times: Callable[[float], Times] = lambda _now: _TIMES,  # second -> how long work takes
        *,
        arrivals: Arrivals | None = None,  # in place of random arrivals at the rate of `demand`
        seed: int = 1,
    ) -> None:
        self._limits, self._times = limits, times
        self._chance = random.Random(seed)  # noqa: S311 - no secret
        self._arrivals = arrivals or poisson(demand, self._chance)
        self._world = simpy.Environment()
        self._observations = Observations()
        self._stage = TokenBucket(limits.stage_rate, limits.stage_burst)
        self._api = TokenBucket(limits.api_rate, limits.api_burst)
        self._account = Account(limits.concurrency)
        per_environment = min(limits.requests_per_environment, 1 / times(0).accept_seconds)
        self._accept = self._function(demand(0) / per_environment)
        self._process = self._function(limits.pollers)
        self._publish = self._function(limits.shard_count)
        self._queue = Queue(self._world.event, limits.in_flight)
        self._pollers = 0
        self._table = Table(limits)
        self._lanes: list[deque[Orders]] = []
        self._idle_lanes: dict[int, Any] = {}  # lane -> the event that wakes its reader
        self._sns = TokenBucket(limits.sns_rate, max(limits.sns_rate, PUBLISH_AT_ONCE))

    def _function(self, warm: float) -> Function:
        """Return a function that has `warm` environments at the start."""
        limits = self._limits
        scaling = TokenBucket(limits.scaling_per_second, limits.scaling_burst)
        return Function(self._account, scaling, limits.requests_per_environment, math.ceil(warm))

    def run(self, seconds: float, *, sample_seconds: float = 1) -> Observations:
        """Run the model for so many seconds of its own time."""
        limits = self._limits
        self._add_pollers(round(min(limits.pollers, self._most_pollers)))
        for lane in range(limits.shard_count * round(limits.parallelization)):
            self._lanes.append(deque())
            self._world.process(self._read(lane))
        for steps in (self._arrive(), self._scale_pollers(), self._grow_table(), self._observe(sample_seconds)):
            self._world.process(steps)
        self._world.run(until=seconds + 1e-6)  # so that the last observation is made
        return self._observations

    # --- API Gateway and the function that accepts ------------------------------------------------------------------

    def _arrive(self) -> _Steps:
        for moment, count in self._arrivals:
            yield self._world.timeout(max(0.0, moment - self._world.now))
            self._observations.requested += count
            if admitted := self._admit(count):
                self._accept_all(admitted)

    def _admit(self, count: int) -> int:
        for bucket, bottleneck in ((self._stage, Bottleneck.STAGE_RATE), (self._api, Bottleneck.API_RATE)):
            granted = min(count, int(bucket.available(self._world.now)))
            bucket.spend(granted)
            self._refuse(count - granted, bottleneck)
            count = granted
        return count

    def _accept_all(self, count: int) -> None:
        times = self._times(self._world.now)
        seconds, cold_seconds = self._draw(times.accept_seconds), self._draw(times.cold_seconds)
        warm, cold = self._accept.begin(count, seconds, cold_seconds, self._world.now)
        if warm + cold < count:
            self._refuse(count - warm - cold, self._why_no_environment())
        self._answer_after(seconds, warm)
        self._answer_after(seconds + cold_seconds, cold)

    def _why_no_environment(self) -> Bottleneck:
        if self._account.is_full():
            return Bottleneck.ACCEPT_CONCURRENCY
        return Bottleneck.ACCEPT_REQUESTS if self._accept.is_scaled_out() else Bottleneck.ACCEPT_SCALING

    def _refuse(self, count: int, bottleneck: Bottleneck) -> None:
        if count:
            self._observations.refused[bottleneck] += count
            self._delay(bottleneck, count)

    def _answer_after(self, seconds: float, count: int) -> None:
        born = self._world.now

        def answer(_event: Any) -> None:
            self._account.end(count)
            self._observations.accepted += count
            share = self._limits.largest_customer
            largest = sum(self._chance.random() < share for _ in range(count)) if share else 0
            for part, of_largest in ((largest, True), (count - largest, False)):
                if part:
                    self._queue.put(Orders(born, part, of_largest))

        if count:
            self._world.timeout(seconds).callbacks.append(answer)

    # --- the queue's pollers and the processor ----------------------------------------------------------------------

    @property
    def _most_pollers(self) -> float:
        return min(self._limits.pollers_most, self._limits.maximum_concurrency)

    def _add_pollers(self, count: int) -> None:
        self._pollers += count
        for _ in range(count):
            self._world.process(self._poll())

    def _scale_pollers(self) -> _Steps:
        due = 0.0
        while True:
            yield self._world.timeout(SCALE_SECONDS)
            if self._queue.visible and not self._queue.has_idle_pollers():
                due += self._limits.pollers_per_minute / 60 * SCALE_SECONDS
                self._add_pollers(int(min(self._most_pollers - self._pollers, due)))
                due %= 1

    def _poll(self) -> _Steps:
        while True:
            batch = self._queue.receive(int(self._limits.batch))
            if not batch:
                if self._queue.is_full():
                    self._delay(Bottleneck.IN_FLIGHT, int(self._limits.batch))
                yield self._queue.wait()
                continue
            received = self._world.now
            times = self._times(received)
            yield self._world.timeout(self._draw(times.receive_seconds))
            seconds = self._draw(times.process_seconds + total(batch) * times.process_order_seconds)
            yield from self._invoke(self._process, seconds, Bottleneck.PROCESS_CONCURRENCY, total(batch))
            failed = yield from self._store(batch)
            self._account.end(1)
            self._make_visible_after(self._limits.visibility_seconds - (self._world.now - received), failed)

    def _invoke(self, function: Function, seconds: float, bottleneck: Bottleneck, count: int) -> _Steps:
        """Wait for an execution environment, then for its work. It stays in use until the caller ends it."""
        cold_seconds = self._draw(self._times(self._world.now).cold_seconds)
        while not any(begun := function.begin(1, seconds, cold_seconds, self._world.now)):
            self._delay(bottleneck, count)
            yield self._world.timeout(THROTTLED_PAUSE_SECONDS)
        yield self._world.timeout(seconds + begun[1] * cold_seconds)

    def _store(self, batch: list[Orders]) -> Generator[Any, Any, list[Orders]]:
        """Write a batch as the processor does, with its client's retries; returns the orders that failed at last."""
        refused = self._write(batch)
        for attempt in range(1, WRITE_ATTEMPTS):
            if not refused:
                break
            yield self._world.timeout(self._chance.random() * FIRST_BACKOFF_SECONDS * 2**attempt)
            refused = self._write(refused)
        return refused

    def _write(self, batch: list[Orders]) -> list[Orders]:
        """Store the orders that there are write units for; returns the others."""
        refused = []
        for orders in batch:
            granted, bottlenecks = self._table.write(orders, self._world.now)
            if granted:
                self._note_placed(orders.split(granted))
            if orders.count:
                self._observations.db_throttles += orders.count
                for bottleneck in bottlenecks:
                    self._delay(bottleneck, orders.count)
                refused.append(orders)
        return refused

    def _note_placed(self, orders: Orders) -> None:
        self._observations.note_placed(self._world.now - orders.born, orders.count, self._world.now)
        self._queue.leave(orders.count)
        lane = self._chance.randrange(len(self._lanes))
        self._lanes[lane].append(orders)
        if reader := self._idle_lanes.pop(lane, None):
            reader.succeed()

    def _make_visible_after(self, seconds: float, failed: list[Orders]) -> None:
        """Make orders visible in the queue again, or give them up after their last receive."""

        def become_visible(_event: Any) -> None:
            for orders in failed:
                self._queue.leave(orders.count)
                if orders.receives < self._limits.max_receives:
                    self._queue.put(orders)
                else:
                    self._observations.given_up += orders.count

        if failed:
            self._world.timeout(max(0.0, seconds)).callbacks.append(become_visible)

    def _grow_table(self) -> _Steps:
        before = 0
        while True:
            yield self._world.timeout(60)
            self._table.end_minute((self._observations.placed - before) / 60)
            before = self._observations.placed

    # --- the stream's shards and the publisher ----------------------------------------------------------------------

    def _read(self, lane: int) -> _Steps:
        """Publish one batch after another, in order: of a shard, or of a part of it under parallelization."""
        waiting, pause = self._lanes[lane], self._limits.stream_pause_seconds
        phase = self._chance.random() * pause
        while True:
            if not waiting:
                self._idle_lanes[lane] = self._world.event()
                yield self._idle_lanes[lane]
                yield self._world.timeout((phase - self._world.now) % pause)  # until the next poll
            batch = deque(take(waiting, int(self._limits.records)))
            seconds = self._draw(self._times(self._world.now).publish_seconds)
            yield from self._invoke(self._publish, seconds, Bottleneck.PUBLISH_CONCURRENCY, total(list(batch)))
            while batch:
                yield from self._publish_batch(take(batch, PUBLISH_AT_ONCE))
            self._account.end(1)

    def _publish_batch(self, step: list[Orders]) -> _Steps:
        count = total(step)
        yield self._world.timeout(self._draw(self._times(self._world.now).publish_call_seconds))
        while (missing := count - self._sns.available(self._world.now)) > 0:
            self._delay(Bottleneck.SNS, count)
            yield self._world.timeout(max(missing / self._limits.sns_rate, LEAST_SECONDS))
        self._sns.spend(count)
        for orders in step:
            self._observations.note_published(self._world.now - orders.born, orders.count, self._world.now)

    # --- observations -----------------------------------------------------------------------------------------

    def _observe(self, sample_seconds: float) -> _Steps:
        while True:
            self._find_busy_readers()
            self._observations.sample(self._world.now, self._account.most())
            yield self._world.timeout(sample_seconds)

    def _find_busy_readers(self) -> None:
        """Note too few pollers or shards: more orders wait than they take next, and little behind them delays them."""
        now, delayed_share = self._world.now, self._observations.delayed_share
        if (
            self._queue.visible > self._pollers * self._limits.batch
            and delayed_share(_BEHIND_POLLERS, now, of_published=False) < _NEGLIGIBLE
        ):
            self._delay(Bottleneck.POLLERS if self._pollers >= self._most_pollers else Bottleneck.POLLER_SCALING)
        of_all_lanes = self._limits.records * len(self._lanes)
        if (
            self._observations.unpublished > 2 * of_all_lanes  # one batch in work, one waiting
            and delayed_share(_BEHIND_SHARDS, now, of_published=True) < _NEGLIGIBLE
        ):
            self._delay(Bottleneck.SHARDS)

    def _delay(self, bottleneck: Bottleneck, orders: int = 1) -> None:
        self._observations.note_delayed(bottleneck, self._world.now, orders)

    def _draw(self, mean: float) -> float:
        return draw(mean, self._times(self._world.now).spread, self._chance)
