"""The model's parts: orders, a queue, token buckets, functions that share an account's concurrency."""

import heapq
import math
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Arrivals = Iterator[tuple[float, int]]  # second, requests
TOGETHER_SECONDS = 0.002
_LITTLE = 1e-9


@dataclass(slots=True)
class Orders:
    """Orders that were requested at one moment (`born`, seconds) and have moved together since."""

    born: float
    count: int
    index_key: int | None = None  # of the largest customer's keys in the index; None for any other customer
    receives: int = 0

    def split(self, count: int) -> "Orders":
        """Take `count` of them away, and return these."""
        self.count -= count
        return Orders(self.born, count, self.index_key, self.receives)


def take(waiting: deque[Orders], most: int) -> list[Orders]:
    """Remove and return the oldest, `most` orders at most."""
    taken = []
    while most and waiting:
        orders = waiting.popleft() if waiting[0].count <= most else waiting[0].split(most)
        most -= orders.count
        taken.append(orders)
    return taken


def draw(mean: float, spread: float, chance: random.Random) -> float:
    """Draw a log-normal time of this mean, with a standard deviation of `spread` times the mean."""
    if not spread or not mean:
        return mean
    variance = math.log(1 + spread**2)
    return chance.lognormvariate(math.log(mean) - variance / 2, math.sqrt(variance))


def poisson(demand: Callable[[float], float], chance: random.Random) -> Arrivals:
    """Yield random requests at a rate per second that may change, one by one where they are few."""
    now = 0.0
    while True:
        rate = max(demand(now), 1e-6)
        together = max(1, round(rate * TOGETHER_SECONDS))
        gap = chance.gammavariate(together, 1 / rate)
        if gap > 1:  # draw again at the rate of then: a Poisson process has no memory
            now += 1
        else:
            now += gap
            yield now, together


def total(batch: list[Orders]) -> int:
    return sum(orders.count for orders in batch)


class TokenBucket:
    """Gains `rate` tokens per second, up to its size; full at the start."""

    def __init__(self, rate: float, size: float) -> None:
        self.rate, self.size = rate, size
        self._tokens, self._at = size, 0.0

    def available(self, now: float) -> float:
        self._tokens, self._at = min(self.size, self._tokens + self.rate * (now - self._at)), now
        return self._tokens + _LITTLE

    def spend(self, tokens: float) -> None:
        self._tokens -= tokens


class Account:
    """The concurrency that an account's functions share, and the most that was in use since `most` was last called."""

    def __init__(self, concurrency: float) -> None:
        self.concurrency = concurrency
        self.busy = self._most = 0

    def begin(self, count: int) -> None:
        self.busy += count
        self._most = max(self._most, self.busy)

    def end(self, count: int) -> None:
        self.busy -= count

    def is_full(self) -> bool:
        return self.busy >= int(self.concurrency)

    def most(self) -> int:
        most, self._most = self._most, self.busy
        return most


class Function:
    """Execution environments, which are made at a limited rate, and each take a limited rate, one request at a time.

    None is removed: Lambda keeps idle environments for longer than a promotion lasts.
    """

    def __init__(self, account: Account, scaling: TokenBucket, requests_per_environment: float, warm: int) -> None:
        self.account = account
        self._scaling = scaling
        self._pace = 1 / requests_per_environment
        self._environments = min(warm, int(account.concurrency))
        self._taken: list[tuple[float, int]] = []  # until when, environments
        self._taken_count = 0

    def begin(self, wanted: int, seconds: float, cold_seconds: float, now: float) -> tuple[int, int]:
        """Begin requests of `seconds` each; returns how many got a warm environment, and how many a new one."""
        while self._taken and self._taken[0][0] <= now:
            self._taken_count -= heapq.heappop(self._taken)[1]
        wanted = max(0, min(wanted, int(self.account.concurrency - self.account.busy)))
        warm = min(wanted, self._environments - self._taken_count)
        room = int(self.account.concurrency) - self._environments
        cold = min(wanted - warm, room, int(self._scaling.available(now)))
        self._scaling.spend(cold)
        self._environments += cold
        self.account.begin(warm + cold)
        for count, taken_seconds in ((warm, seconds), (cold, seconds + cold_seconds)):
            if count:
                heapq.heappush(self._taken, (now + max(taken_seconds, self._pace), count))
                self._taken_count += count
        return warm, cold

    def is_scaled_out(self) -> bool:
        return self._environments >= int(self.account.concurrency)


class Queue:
    """SQS as its pollers see it: visible messages, messages in flight, and pollers that wait."""

    def __init__(self, event: Callable[[], Any], most_in_flight: float) -> None:
        self._event = event
        self._most_in_flight = most_in_flight
        self._visible: deque[Orders] = deque()
        self._waiting: list[Any] = []
        self.visible = self.in_flight = 0

    def put(self, orders: Orders) -> None:
        self._visible.append(orders)
        self.visible += orders.count
        self._wake()

    def receive(self, most: int) -> list[Orders]:
        if self.is_full():
            return []
        batch = take(self._visible, most)
        for orders in batch:
            orders.receives += 1
        self.visible -= total(batch)
        self.in_flight += total(batch)
        self._wake()
        return batch

    def leave(self, count: int) -> None:
        """Count messages as no longer in flight: deleted, visible again, or moved to the dead-letter queue."""
        self.in_flight -= count
        self._wake()

    def is_full(self) -> bool:
        return self.in_flight >= self._most_in_flight

    def has_idle_pollers(self) -> bool:
        return bool(self._waiting)

    def wait(self) -> Any:
        """Return an event that is triggered when there is a message to receive (long polling)."""
        event = self._event()
        if self.visible and not self.is_full():
            return event.succeed()
        self._waiting.append(event)
        return event

    def _wake(self) -> None:
        if self.visible and self._waiting and not self.is_full():
            self._waiting.pop().succeed()
