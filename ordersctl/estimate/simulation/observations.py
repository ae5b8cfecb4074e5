"""Observations of a simulation run: counts, waits, and a sample per second."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from ordersctl.estimate.simulation.limits import BY_API_GATEWAY, Bottleneck

Waits = Counter[float]  # seconds, to the millisecond -> orders


@dataclass(frozen=True)
class Sample:
    """What happened since the sample before, by default one second ago."""

    second: float
    requested: int
    refused: int  # of the requests, by API Gateway: 429
    failed: int  # of the requests, for lack of an execution environment: 5xx
    db_throttles: int  # writes that DynamoDB refused, most of which were retried at once
    placed: int
    backlog: int  # orders that are accepted and not stored
    unpublished: int  # orders that are stored, and whose event is not published
    concurrency: int  # the most execution environments in use at once
    placed_p99: float | None  # seconds from request to stored, of the orders stored in this time


@dataclass
class Observations:
    """Counts of orders since the start; waits begin when an order is requested."""

    requested: int = 0
    refused: Counter[Bottleneck] = field(default_factory=Counter)
    accepted: int = 0
    placed: int = 0
    published: int = 0
    given_up: int = 0  # in the dead-letter queue after their last try
    db_throttles: int = 0
    waits: Waits = field(default_factory=Counter)  # until stored
    published_waits: Waits = field(default_factory=Counter)
    _recent_waits: Waits = field(default_factory=Counter)  # until stored, since the last sample
    samples: list[Sample] = field(default_factory=list)
    # bottleneck -> second -> orders that it delayed; an order counts once for each try.
    _delayed: defaultdict[Bottleneck, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    _placed_in: Counter[int] = field(default_factory=Counter)  # second -> orders
    _published_in: Counter[int] = field(default_factory=Counter)
    _before: Counter[str] = field(default_factory=Counter)

    @property
    def backlog(self) -> int:
        """Orders that are accepted and not stored: visible, in flight, or waiting for a retry."""
        return self.accepted - self.placed - self.given_up

    @property
    def refused_by_api_gateway(self) -> int:
        """Requests that were answered 429; the other refused requests were answered 5xx."""
        return sum(self.refused[each] for each in BY_API_GATEWAY)

    @property
    def unpublished(self) -> int:
        return self.placed - self.published

    @property
    def bottlenecks(self) -> Counter[Bottleneck]:
        """The number of seconds in which each bottleneck delayed or refused an order."""
        return Counter({bottleneck: len(seconds) for bottleneck, seconds in self._delayed.items()})

    def note_placed(self, wait: float, count: int, now: float) -> None:
        self.placed += count
        self._placed_in[int(now)] += count
        for waits in (self.waits, self._recent_waits):
            waits[round(wait, 3)] += count

    def note_published(self, wait: float, count: int, now: float) -> None:
        self.published += count
        self._published_in[int(now)] += count
        self.published_waits[round(wait, 3)] += count

    def note_delayed(self, bottleneck: Bottleneck, now: float, orders: int = 1) -> None:
        self._delayed[bottleneck][int(now)] += orders

    def delayed_share(self, bottlenecks: Iterable[Bottleneck], now: float, *, of_published: bool) -> float:
        """Return how many orders these delayed in this second and the one before, by how many got through."""
        recent = (int(now), int(now) - 1)
        through = self._published_in if of_published else self._placed_in
        delayed = sum(self._delayed[each][second] for each in bottlenecks if each in self._delayed for second in recent)
        return delayed / max(1, sum(through[second] for second in recent))

    def sample(self, now: float, concurrency: int) -> None:
        counts = Counter(
            requested=self.requested,
            refused=self.refused_by_api_gateway,
            failed=self.refused.total() - self.refused_by_api_gateway,
            db_throttles=self.db_throttles,
            placed=self.placed,
        )
        new = {name: count - self._before[name] for name, count in counts.items()}
        self.samples.append(
            Sample(
                second=now,
                requested=new["requested"],
                refused=new["refused"],
                failed=new["failed"],
                db_throttles=new["db_throttles"],
                placed=new["placed"],
                backlog=self.backlog,
                unpublished=self.unpublished,
                concurrency=concurrency,
                placed_p99=percentile(self._recent_waits, 99) if self._recent_waits else None,
            )
        )
        self._before = counts
        self._recent_waits.clear()


def percentile(waits: Waits, percent: float) -> float:
    """Return the wait in seconds that `percent` of the orders do not exceed; 0 for no orders."""
    needed = waits.total() * percent / 100
    counted = 0
    for wait, count in sorted(waits.items()):
        counted += count
        if counted >= needed:
            return wait
    return 0.0
