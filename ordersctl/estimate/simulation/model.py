"""How orders flow through AWS's limits: a discrete-event model (simpy) of requests, batches and invocations.

Requests that arrive within two milliseconds move together; from the queue on, every batch, invocation, retry and
PublishBatch is an event of its own. Randomness is seeded: the same seed gives the same run.
"""

from collections.abc import Callable

from ordersctl.estimate.simulation.accepting import Accepting
from ordersctl.estimate.simulation.limits import Bottleneck, Limits, Times
from ordersctl.estimate.simulation.observations import Observations
from ordersctl.estimate.simulation.parts import Arrivals, Queue, poisson
from ordersctl.estimate.simulation.processing import Processing
from ordersctl.estimate.simulation.publishing import Publishing
from ordersctl.estimate.simulation.world import Steps, World

_TIMES = Times()

# Bottlenecks that explain why all pollers or shards are busy; more pollers or shards would only make them worse.
_BEHIND_POLLERS = {
    Bottleneck.TABLE,
    Bottleneck.INDEX,
    Bottleneck.INDEX_KEY,
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
        self._world = World(limits, times, seed)
        self._queue = Queue(self._world.event, limits.in_flight)
        self._accepting = Accepting(
            self._world, arrivals or poisson(demand, self._world.chance), self._queue, demand(0)
        )
        self._publishing = Publishing(self._world)
        self._processing = Processing(self._world, self._queue, self._publishing.add)

    @property
    def pollers(self) -> int:
        """How many pollers the queue has."""
        return self._processing.pollers

    def run(self, seconds: float, *, sample_seconds: float = 1) -> Observations:
        """Run the model for so many seconds of its own time."""
        processing = self._processing
        processing.start()
        self._publishing.start()
        for steps in (
            self._accepting.run(),
            processing.scale(),
            processing.grow_table(),
            self._observe(sample_seconds),
        ):
            self._world.start(steps)
        self._world.run(seconds)
        return self._world.observations

    def _observe(self, sample_seconds: float) -> Steps:
        while True:
            self._find_busy_readers()
            self._world.observations.sample(self._world.now, self._world.account.most())
            yield self._world.wait(sample_seconds)

    def _find_busy_readers(self) -> None:
        """Note too few pollers or shards: more orders wait than they take next, and little behind them delays them."""
        now, observations, processing = self._world.now, self._world.observations, self._processing
        if (
            self._queue.visible > processing.pollers * self._world.limits.batch
            and observations.delayed_share(_BEHIND_POLLERS, now, of_published=False) < _NEGLIGIBLE
        ):
            all_used = processing.pollers >= processing.most_pollers
            self._world.delay(Bottleneck.POLLERS if all_used else Bottleneck.POLLER_SCALING)
        if (
            observations.unpublished > 2 * self._publishing.at_once  # one batch in work, one waiting
            and observations.delayed_share(_BEHIND_SHARDS, now, of_published=True) < _NEGLIGIBLE
        ):
            self._world.delay(Bottleneck.SHARDS)
