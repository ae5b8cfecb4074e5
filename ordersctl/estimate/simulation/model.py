"""How orders flow through AWS's limits: a discrete-event model (simpy) of requests, batches and invocations.

Requests that come within two milliseconds move together; from the queue on, every batch, every invocation, every retry
and every PublishBatch is an event of its own. Chance is seeded: the same seed gives the same run.
"""

import math
import random
from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import Any

import simpy

from chalicelib import wiring
from chalicelib.aws import retries
from ordersctl.estimate.simulation.dynamodb import Table
from ordersctl.estimate.simulation.limits import Bound, Limits, Times
from ordersctl.estimate.simulation.observations import Seen
from ordersctl.estimate.simulation.parts import Account, Function, Orders, Queue, TokenBucket, about, take, total

Arrivals = Iterator[tuple[float, int]]  # second, requests
_TIMES = Times()
_Steps = Generator[Any, Any, None]

TOGETHER_SECONDS = 0.002
WRITE_ATTEMPTS = wiring.CALL_POLICY.attempts
FIRST_BACKOFF_SECONDS = retries.FIRST_BACKOFF_SECONDS
PUBLISH_AT_ONCE = 10  # SNS PublishBatch
THROTTLED_PAUSE_SECONDS = 0.1  # a poller's, when Lambda has no room for its batch; not documented
SCALE_SECONDS = 0.2  # at most so often
LEAST_SECONDS = 0.001  # of a wait, lest rounding makes it none
# What explains pollers or shards that are all busy, and would only be made worse by more of them.
_BEHIND_POLLERS = {Bound.TABLE, Bound.INDEX, Bound.PARTITION, Bound.PROCESS_CONCURRENCY, Bound.IN_FLIGHT}
_BEHIND_SHARDS = {Bound.SNS, Bound.PUBLISH_CONCURRENCY}
_TRIFLE = 0.1  # of what gets through: so little held up behind them explains no backlog before them


def poisson(demand: Callable[[float], float], chance: random.Random) -> Arrivals:
    """Requests by chance at a rate per second that may change, each on its own where they are few."""
    now = 0.0
    while True:
        rate = max(demand(now), 1e-6)
        together = max(1, round(rate * TOGETHER_SECONDS))
        gap = chance.gammavariate(together, 1 / rate)
        if gap > 1:  # the rate may be another by then, and a Poisson process does not remember
            now += 1
        else:
            now += gap
            yield now, together


class Flow:
    """Requests, the queue, its pollers and the processor, the table, the stream's shards and the publisher."""

    def __init__(
        self,
        demand: Callable[[float], float],  # second -> orders per second
        limits: Limits = Limits(),  # noqa: B008 - frozen
        times: Callable[[float], Times] = lambda _now: _TIMES,  # second -> how long work takes
        *,
        arrivals: Arrivals | None = None,  # in place of chance at `demand`
        seed: int = 1,
    ) -> None:
        self._limits, self._times = limits, times
        self._chance = random.Random(seed)  # noqa: S311 - no secret
        self._arrivals = arrivals or poisson(demand, self._chance)
        self._world = simpy.Environment()
        self._seen = Seen()
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
        """With as many environments as the load before keeps warm."""
        limits = self._limits
        scaling = TokenBucket(limits.scaling_per_second, limits.scaling_burst)
        return Function(self._account, scaling, limits.requests_per_environment, math.ceil(warm))

    def run(self, seconds: float, *, sample_seconds: float = 1) -> Seen:
        limits = self._limits
        self._add_pollers(round(min(limits.pollers, self._most_pollers)))
        for lane in range(limits.shard_count * round(limits.parallelization)):
            self._lanes.append(deque())
            self._world.process(self._read(lane))
        for steps in (self._ask(), self._scale_pollers(), self._grow_table(), self._look(sample_seconds)):
            self._world.process(steps)
        self._world.run(until=seconds + 1e-6)  # the last look is at the end
        return self._seen

    # --- API Gateway and the function that accepts ------------------------------------------------------------------

    def _ask(self) -> _Steps:
        for moment, count in self._arrivals:
            yield self._world.timeout(max(0.0, moment - self._world.now))
            self._seen.asked += count
            if admitted := self._admit(count):
                self._accept_all(admitted)

    def _admit(self, count: int) -> int:
        for bucket, bound in ((self._stage, Bound.STAGE_RATE), (self._api, Bound.API_RATE)):
            granted = min(count, int(bucket.available(self._world.now)))
            bucket.spend(granted)
            self._refuse(count - granted, bound)
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

    def _why_no_environment(self) -> Bound:
        if self._account.is_full():
            return Bound.ACCEPT_CONCURRENCY
        return Bound.ACCEPT_REQUESTS if self._accept.is_scaled_out() else Bound.ACCEPT_SCALING

    def _refuse(self, count: int, bound: Bound) -> None:
        if count:
            self._seen.refused[bound] += count
            self._bind(bound, count)

    def _answer_after(self, seconds: float, count: int) -> None:
        born = self._world.now

        def answer(_event: Any) -> None:
            self._account.end(count)
            self._seen.accepted += count
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
                    self._bind(Bound.IN_FLIGHT, int(self._limits.batch))
                yield self._queue.wait()
                continue
            received = self._world.now
            times = self._times(received)
            yield self._world.timeout(self._draw(times.receive_seconds))
            seconds = self._draw(times.process_seconds + total(batch) * times.process_order_seconds)
            yield from self._invoke(self._process, seconds, Bound.PROCESS_CONCURRENCY, total(batch))
            failed = yield from self._store(batch)
            self._account.end(1)
            self._give_back(failed, self._limits.visibility_seconds - (self._world.now - received))

    def _invoke(self, function: Function, seconds: float, bound: Bound, count: int) -> _Steps:
        """Wait for an execution environment, and until it has worked for so long. It is still the caller's then."""
        cold_seconds = self._draw(self._times(self._world.now).cold_seconds)
        while not any(begun := function.begin(1, seconds, cold_seconds, self._world.now)):
            self._bind(bound, count)
            yield self._world.timeout(THROTTLED_PAUSE_SECONDS)
        yield self._world.timeout(seconds + begun[1] * cold_seconds)

    def _store(self, batch: list[Orders]) -> Generator[Any, Any, list[Orders]]:
        """Write a batch as the processor does, with its client's retries; returns what failed for good."""
        refused = self._write(batch)
        for attempt in range(1, WRITE_ATTEMPTS):
            if not refused:
                break
            yield self._world.timeout(self._chance.random() * FIRST_BACKOFF_SECONDS * 2**attempt)
            refused = self._write(refused)
        return refused

    def _write(self, batch: list[Orders]) -> list[Orders]:
        """Store what there are write units for; returns the others."""
        refused = []
        for orders in batch:
            granted, bounds = self._table.write(orders, self._world.now)
            if granted:
                self._note_placed(orders.split(granted))
            if orders.count:
                self._seen.db_throttles += orders.count
                for bound in bounds:
                    self._bind(bound, orders.count)
                refused.append(orders)
        return refused

    def _note_placed(self, orders: Orders) -> None:
        self._seen.note_placed(self._world.now - orders.born, orders.count, self._world.now)
        self._queue.leave(orders.count)
        lane = self._chance.randrange(len(self._lanes))
        self._lanes[lane].append(orders)
        if reader := self._idle_lanes.pop(lane, None):
            reader.succeed()

    def _give_back(self, failed: list[Orders], seconds: float) -> None:
        """They are visible again after a while, or given up after so many times."""

        def again(_event: Any) -> None:
            for orders in failed:
                self._queue.leave(orders.count)
                if orders.receives < self._limits.max_receives:
                    self._queue.put(orders)
                else:
                    self._seen.given_up += orders.count

        if failed:
            self._world.timeout(max(0.0, seconds)).callbacks.append(again)

    def _grow_table(self) -> _Steps:
        before = 0
        while True:
            yield self._world.timeout(60)
            self._table.end_minute((self._seen.placed - before) / 60)
            before = self._seen.placed

    # --- the stream's shards and the publisher ----------------------------------------------------------------------

    def _read(self, lane: int) -> _Steps:
        """One batch after another, in order: a shard, or the part of one that its parallelization makes."""
        waiting, pause = self._lanes[lane], self._limits.stream_pause_seconds
        phase = self._chance.random() * pause
        while True:
            if not waiting:
                self._idle_lanes[lane] = self._world.event()
                yield self._idle_lanes[lane]
                yield self._world.timeout((phase - self._world.now) % pause)  # until the next look
            batch = deque(take(waiting, int(self._limits.records)))
            seconds = self._draw(self._times(self._world.now).publish_seconds)
            yield from self._invoke(self._publish, seconds, Bound.PUBLISH_CONCURRENCY, total(list(batch)))
            while batch:
                yield from self._tell(take(batch, PUBLISH_AT_ONCE))
            self._account.end(1)

    def _tell(self, step: list[Orders]) -> _Steps:
        count = total(step)
        yield self._world.timeout(self._draw(self._times(self._world.now).publish_call_seconds))
        while (missing := count - self._sns.available(self._world.now)) > 0:
            self._bind(Bound.SNS, count)
            yield self._world.timeout(max(missing / self._limits.sns_rate, LEAST_SECONDS))
        self._sns.spend(count)
        for orders in step:
            self._seen.note_published(self._world.now - orders.born, orders.count, self._world.now)

    # --- what is seen of it -----------------------------------------------------------------------------------------

    def _look(self, sample_seconds: float) -> _Steps:
        while True:
            self._find_who_is_busy()
            self._seen.sample(self._world.now, self._account.most())
            yield self._world.timeout(sample_seconds)

    def _find_who_is_busy(self) -> None:
        """Too few pollers or shards hold orders up when more wait than they take next, and little behind them does."""
        behind_pollers = self._seen.held_share(_BEHIND_POLLERS, self._world.now, of_published=False)
        if self._queue.visible > self._pollers * self._limits.batch and behind_pollers < _TRIFLE:
            self._bind(Bound.POLLERS if self._pollers >= self._most_pollers else Bound.POLLER_SCALING)
        of_all_lanes = self._limits.records * len(self._lanes)
        behind_shards = self._seen.held_share(_BEHIND_SHARDS, self._world.now, of_published=True)
        if self._seen.unpublished > 2 * of_all_lanes and behind_shards < _TRIFLE:  # one in hand, one waiting
            self._bind(Bound.SHARDS)

    def _bind(self, bound: Bound, orders: int = 1) -> None:
        self._seen.bind(bound, self._world.now, orders)

    def _draw(self, mean: float) -> float:
        return about(mean, self._times(self._world.now).spread, self._chance)
