"""The model of the queue's pollers, the processor, and its writes to the table."""

from collections.abc import Callable, Generator
from typing import Any

from chalicelib import wiring
from chalicelib.aws import retries
from ordersctl.estimate.simulation.dynamodb import Table
from ordersctl.estimate.simulation.limits import Bottleneck
from ordersctl.estimate.simulation.parts import Orders, Queue, total
from ordersctl.estimate.simulation.world import Steps, World

WRITE_ATTEMPTS = wiring.CALL_POLICY.attempts
SCALE_SECONDS = 0.2  # between two additions of pollers


class Processing:
    """Takes batches off the queue, and hands stored orders to `stored`."""

    def __init__(self, world: World, queue: Queue, stored: Callable[[Orders], None]) -> None:
        self._world, self._queue, self._stored = world, queue, stored
        self._function = world.function(world.limits.pollers)
        self._table = Table(world.limits)
        self.pollers = 0

    @property
    def most_pollers(self) -> float:
        return min(self._world.limits.pollers_most, self._world.limits.maximum_concurrency)

    def start(self) -> None:
        """Start the pollers that there are before the load grows."""
        self._add_pollers(round(min(self._world.limits.pollers, self.most_pollers)))

    def scale(self) -> Steps:
        """Add pollers while messages wait."""
        due = 0.0
        while True:
            yield self._world.wait(SCALE_SECONDS)
            if self._queue.visible and not self._queue.has_idle_pollers():
                due += self._world.limits.pollers_per_minute / 60 * SCALE_SECONDS
                self._add_pollers(int(min(self.most_pollers - self.pollers, due)))
                due %= 1

    def grow_table(self) -> Steps:
        """Grow the table's capacity each minute."""
        before = 0
        while True:
            yield self._world.wait(60)
            placed = self._world.observations.placed
            self._table.end_minute((placed - before) / 60)
            before = placed

    def _add_pollers(self, count: int) -> None:
        self.pollers += count
        for _ in range(count):
            self._world.start(self._poll())

    def _poll(self) -> Steps:
        world, limits = self._world, self._world.limits
        while True:
            batch = self._queue.receive(int(limits.batch))
            if not batch:
                if self._queue.is_full():
                    world.delay(Bottleneck.IN_FLIGHT, int(limits.batch))
                yield self._queue.wait()
                continue
            received, times = world.now, world.times
            yield world.wait(world.draw(times.receive_seconds))
            seconds = world.draw(times.process_seconds + total(batch) * times.process_order_seconds)
            yield from world.invoke(self._function, seconds, Bottleneck.PROCESS_CONCURRENCY, total(batch))
            failed = yield from self._store(batch)
            world.account.end(1)
            self._make_visible_after(limits.visibility_seconds - (world.now - received), failed)

    def _store(self, batch: list[Orders]) -> Generator[Any, Any, list[Orders]]:
        """Write a batch as the processor does, with its client's retries; returns the orders that failed at last."""
        refused = self._write(batch)
        for attempt in range(1, WRITE_ATTEMPTS):
            if not refused:
                break
            yield self._world.wait(retries.pause_seconds(attempt, self._world.chance.random))
            refused = self._write(refused)
        return refused

    def _write(self, batch: list[Orders]) -> list[Orders]:
        """Store the orders that there are write units for; returns the others."""
        world, refused = self._world, []
        for orders in batch:
            granted, bottlenecks = self._table.write(orders, world.now)
            if granted:
                stored = orders.split(granted)
                world.observations.note_placed(world.now - stored.born, stored.count, world.now)
                self._queue.leave(stored.count)
                self._stored(stored)
            if orders.count:
                world.observations.db_throttles += orders.count
                for bottleneck in bottlenecks:
                    world.delay(bottleneck, orders.count)
                refused.append(orders)
        return refused

    def _make_visible_after(self, seconds: float, failed: list[Orders]) -> None:
        """Make orders visible in the queue again, or give them up after their last receive."""

        def become_visible(_event: Any) -> None:
            for orders in failed:
                self._queue.leave(orders.count)
                if orders.receives < self._world.limits.max_receives:
                    self._queue.put(orders)
                else:
                    self._world.observations.given_up += orders.count

        if failed:
            self._world.wait(max(0.0, seconds)).callbacks.append(become_visible)
