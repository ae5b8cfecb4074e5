"""What is seen of a run of the model: counts, waits, and a sample per second."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from ordersctl.estimate.simulation.limits import BY_API_GATEWAY, Bound

Waits = Counter[float]  # seconds, to the millisecond -> orders


@dataclass(frozen=True)
class Sample:
    """What happened since the sample before, a second ago if nothing else was asked for."""

    second: float
    asked: int  # requests
    refused: int  # of them, by API Gateway: 429
    failed: int  # of them, for want of an execution environment: 5xx
    db_throttles: int  # writes that DynamoDB refused, most of which were tried again at once
    placed: int
    backlog: int  # orders that are accepted and not stored
    unpublished: int  # orders that are stored, and their event not out
    concurrency: int  # the most execution environments at work at once
    placed_p99: float | None  # seconds from asked for to stored, of those stored meanwhile


@dataclass
class Seen:
    """Counts of orders since the start; waits count from when an order was asked for."""

    asked: int = 0
    refused: Counter[Bound] = field(default_factory=Counter)
    accepted: int = 0
    placed: int = 0
    published: int = 0
    given_up: int = 0  # in the dead-letter queue after their last try
    db_throttles: int = 0
    waits: Waits = field(default_factory=Counter)  # until stored
    published_waits: Waits = field(default_factory=Counter)
    _lately: Waits = field(default_factory=Counter)  # until stored, since the last sample
    samples: list[Sample] = field(default_factory=list)
    # Bound -> second -> orders that it held up; one that is tried again and again counts each time.
    _held: defaultdict[Bound, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    _placed_in: Counter[int] = field(default_factory=Counter)  # second -> orders
    _published_in: Counter[int] = field(default_factory=Counter)
    _before: Counter[str] = field(default_factory=Counter)

    @property
    def backlog(self) -> int:
        """Orders that are accepted and not stored: visible, in flight, or waiting to be tried again."""
        return self.accepted - self.placed - self.given_up

    @property
    def refused_by_api_gateway(self) -> int:
        """Requests that were answered 429; the others that were refused were answered 5xx."""
        return sum(self.refused[bound] for bound in BY_API_GATEWAY)

    @property
    def unpublished(self) -> int:
        return self.placed - self.published

    @property
    def binding(self) -> Counter[Bound]:
        """In how many seconds each limit held something up."""
        return Counter({bound: len(seconds) for bound, seconds in self._held.items()})

    def note_placed(self, wait: float, count: int, now: float) -> None:
        self.placed += count
        self._placed_in[int(now)] += count
        for waits in (self.waits, self._lately):
            waits[round(wait, 3)] += count

    def note_published(self, wait: float, count: int, now: float) -> None:
        self.published += count
        self._published_in[int(now)] += count
        self.published_waits[round(wait, 3)] += count

    def bind(self, bound: Bound, now: float, orders: int = 1) -> None:
        self._held[bound][int(now)] += orders

    def held_share(self, bounds: Iterable[Bound], now: float, *, of_published: bool) -> float:
        """How many orders these held up in this second and the one before, by those that got through."""
        lately = (int(now), int(now) - 1)
        through = self._published_in if of_published else self._placed_in
        held = sum(self._held[bound][second] for bound in bounds if bound in self._held for second in lately)
        return held / max(1, sum(through[second] for second in lately))

    def sample(self, now: float, concurrency: int) -> None:
        counts = Counter(
            asked=self.asked,
            refused=self.refused_by_api_gateway,
            failed=self.refused.total() - self.refused_by_api_gateway,
            db_throttles=self.db_throttles,
            placed=self.placed,
        )
        new = {name: count - self._before[name] for name, count in counts.items()}
        self.samples.append(
            Sample(
                second=now,
                asked=new["asked"],
                refused=new["refused"],
                failed=new["failed"],
                db_throttles=new["db_throttles"],
                placed=new["placed"],
                backlog=self.backlog,
                unpublished=self.unpublished,
                concurrency=concurrency,
                placed_p99=percentile(self._lately, 99) if self._lately else None,
            )
        )
        self._before = counts
        self._lately.clear()


def percentile(waits: Waits, percent: float) -> float:
    """The wait (seconds) that `percent` of the orders do not exceed."""
    needed = waits.total() * percent / 100
    seen = 0
    for wait, count in sorted(waits.items()):
        seen += count
        if seen >= needed:
            return wait
    return 0.0
