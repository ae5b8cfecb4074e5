"""The model of the table's stream, its shards, and the publisher."""

from collections import deque
from typing import Any

from ordersctl.estimate.simulation.limits import Bottleneck
from ordersctl.estimate.simulation.parts import Orders, TokenBucket, take, total
from ordersctl.estimate.simulation.world import Steps, World

PUBLISH_AT_ONCE = 10  # SNS PublishBatch
LEAST_SECONDS = 0.001  # of a wait, so that rounding does not make it zero


class Publishing:
    """Publishes stored orders, batch by batch in each lane: a shard, or a part of one under parallelization."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._function = world.function(world.limits.shard_count)
        count = world.limits.shard_count * round(world.limits.parallelization)
        self._lanes: list[deque[Orders]] = [deque() for _ in range(count)]
        self._idle_lanes: dict[int, Any] = {}  # lane -> the event that wakes its reader
        self._sns = TokenBucket(world.limits.sns_rate, max(world.limits.sns_rate, PUBLISH_AT_ONCE))

    def start(self) -> None:
        for lane in range(len(self._lanes)):
            self._world.start(self._read(lane))

    @property
    def at_once(self) -> float:
        """How many orders all lanes take in one batch each."""
        return self._world.limits.records * len(self._lanes)

    def add(self, orders: Orders) -> None:
        """Take stored orders into a random lane."""
        lane = self._world.chance.randrange(len(self._lanes))
        self._lanes[lane].append(orders)
        if reader := self._idle_lanes.pop(lane, None):
            reader.succeed()

    def _read(self, lane: int) -> Steps:
        """Publish one batch after another, in order."""
        world = self._world
        waiting, pause = self._lanes[lane], world.limits.stream_pause_seconds
        phase = world.chance.random() * pause
        while True:
            if not waiting:
                self._idle_lanes[lane] = world.event()
                yield self._idle_lanes[lane]
                yield world.wait((phase - world.now) % pause)  # until the next poll
            batch = deque(take(waiting, int(world.limits.records)))
            seconds = world.draw(world.times.publish_seconds)
            yield from world.invoke(self._function, seconds, Bottleneck.PUBLISH_CONCURRENCY, total(list(batch)))
            while batch:
                yield from self._publish(take(batch, PUBLISH_AT_ONCE))
            world.account.end(1)

    def _publish(self, batch: list[Orders]) -> Steps:
        world, count = self._world, total(batch)
        yield world.wait(world.draw(world.times.publish_call_seconds))
        while (missing := count - self._sns.available(world.now)) > 0:
            world.delay(Bottleneck.SNS, count)
            yield world.wait(max(missing / world.limits.sns_rate, LEAST_SECONDS))
        self._sns.spend(count)
        for orders in batch:
            world.observations.note_published(world.now - orders.born, orders.count, world.now)
