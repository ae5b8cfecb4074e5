"""What waits where: queues, dead letters by reason, and who runs, of the local run or of a stage on AWS."""

import hashlib
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ordersctl.shared.queues.dead_letters import DeadLetter
from ordersctl.shared.queues.measures import depth_rows, engine_messages, reader_states
from ordersctl.shared.queues.stage_queues import Queue, StageQueues
from ordersctl.shared.queues.states import processes
from ordersctl.shared.stage import Stage
from ordersctl.shared.switches import CONSUMERS, HANDLERS

_QUEUES_SECONDS = 60  # how long the list of queues is good
_AGES_SECONDS = 60
_PEEK_MOST = 300  # messages of a queue that are looked at each second; of more, every _PEEK_SECONDS
_PEEK_SECONDS = 10
_REASON_CHARACTERS = 200
_ORDER_QUEUE = "orders"


@dataclass(frozen=True)
class Group:
    """The dead letters of one queue with one reason, under an id that the page names them by."""

    queue: str
    reason: str
    count: int
    orders: int  # how many of them name an order of the order queue: dropping them stores it as rejected
    oldest: float | None  # seconds

    @property
    def is_whole(self) -> bool:
        """Whether `reason` is the whole reason: of a longer one, it is the beginning."""
        return len(self.reason) < _REASON_CHARACTERS

    @property
    def id(self) -> str:
        return hashlib.sha256(f"{self.queue}\0{self.reason}".encode()).hexdigest()[:16]

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "queue": self.queue,
            "reason": self.reason,
            "count": self.count,
            "orders": self.orders,
            "oldest": None if self.oldest is None else round(self.oldest),
        }


def groups_of(rows: Iterable[dict[str, Any]]) -> list[Group]:
    """Return dead letters, each a row of `ordersctl dlq list`, by queue and reason; most first."""
    counts: Counter[tuple[str, str]] = Counter()
    orders: Counter[tuple[str, str]] = Counter()
    oldest: dict[tuple[str, str], float] = {}
    for row in rows:
        key = (str(row["queue"]), str(row["reason"])[:_REASON_CHARACTERS])
        counts[key] += 1
        orders[key] += key[0] == _ORDER_QUEUE and row["order_id"] is not None
        oldest[key] = max(float(row["age"]), oldest.get(key, 0.0))
    return [Group(*key, count, orders[key], oldest[key]) for key, count in counts.most_common()]


class Gauges:
    """A stage's queues and the states of who reads them."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._queues: tuple[float, StageQueues | None] = (0.0, None)
        self._peeked: dict[str, tuple[float, list[dict[str, Any]]]] = {}
        self._ages: tuple[float, dict[str, float | None]] = (0.0, {})

    def read(self) -> dict[str, Any]:
        """Return the gauges; raises botocore's errors."""
        queues = self.queues()
        shown = [_shown(row) for row in self._rows(queues)]
        live, dead = shown[: len(queues.live)], shown[len(queues.live) :]
        groups: list[Group] | None = None
        if self._stage.is_local:
            for row, queue in zip(live, queues.live, strict=True):
                row["oldest"] = self._oldest(queue, row["waiting"] + row["in_flight"])
            groups = self._groups(queues.dead, dead)
        return {"at": time.time(), "live": live, "dead": dead, "groups": groups, "states": self._states(queues)}

    def queues(self) -> StageQueues:
        """Return the stage's queues, looked up once a minute."""
        at, known = self._queues
        if known is None or time.monotonic() - at > _QUEUES_SECONDS:
            known = StageQueues.of(self._stage)
            self._queues = (time.monotonic(), known)
        return known

    def _rows(self, queues: StageQueues) -> list[dict[str, Any]]:
        """Return the queues' depths; on AWS with ages that CloudWatch is asked for once a minute: each asking costs."""
        if self._stage.is_local:
            return depth_rows(self._stage, queues, ages=False)
        at, known = self._ages
        due = not at or time.monotonic() - at > _AGES_SECONDS
        rows = depth_rows(self._stage, queues, ages=due)
        if due:
            self._ages = (time.monotonic(), {row["full_name"]: row["oldest"] for row in rows})
            return rows
        return [row | {"oldest": known.get(row["full_name"]) if row["waiting"] else None} for row in rows]

    def _groups(self, queues: Iterable[Queue], rows: Iterable[dict[str, Any]]) -> list[Group]:
        letters = [
            DeadLetter(queue, message)
            for queue, row in zip(queues, rows, strict=True)
            for message in self._peek(queue, row["waiting"] + row["in_flight"])
        ]
        return groups_of(letter.row() for letter in letters)

    def _oldest(self, queue: Queue, count: int) -> float | None:
        sent = [int(each["Attributes"]["SentTimestamp"]) / 1_000 for each in self._peek(queue, count)]
        return round(max(0.0, time.time() - min(sent)), 1) if sent else None

    def _peek(self, queue: Queue, count: int) -> list[dict[str, Any]]:
        if not count:
            return []
        at, known = self._peeked.get(queue.url, (0.0, []))
        if not known or count <= _PEEK_MOST or time.monotonic() - at > _PEEK_SECONDS:
            known = engine_messages(queue)
            self._peeked[queue.url] = (time.monotonic(), known)
        return known

    def _states(self, queues: StageQueues) -> dict[str, str]:
        """Return running, paused, failing, `not started` or ended (or AWS's word) of each reader, by its name."""
        consumers = [queue.name for queue in queues.live if queue.kind == "consumer"]
        stopped = reader_states(self._stage, queues)
        states = {name: stopped.get(name, "running") for name in (*HANDLERS, *consumers)}
        if self._stage.is_local:
            states |= {name: state for name, state in _processes().items() if name in states}
        return states


def _processes() -> dict[str, str]:
    """Return the sample consumers of the local run that do not run, and why."""
    noted = processes()
    return {name: "ended" if name in noted else "not started" for name in CONSUMERS if not noted.get(name)}


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    names = ("waiting", "in_flight", "delayed", "oldest")
    return {"name": row["queue"], "full_name": row["full_name"], **{name: row[name] for name in names}}
