"""Lambda's event source mapping of a table's stream, after the guide ("Using AWS Lambda with Amazon DynamoDB").

Each shard has some batches at work at once (ParallelizationFactor), all records of one order in the same lane, one
after another. A batch whose invocation fails comes again: in two halves, the first one first, if
BisectBatchOnFunctionError is set. The mapping may also give up an invocation that still runs: the next one gets the
same records. The result of the abandoned invocation is ignored, but its calls to AWS take effect.
"""

import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from testkit.fake_aws.faults import Killed
from testkit.fake_aws.lambda_ import FakeAws
from tests.resilience.history.evidence import reported_failures

SHARDS = 2
Invoke = Callable[[str, Any, float], tuple[Any, BaseException | None]]  # returns the function's answer and error


@dataclass(frozen=True)
class MappingSettings:
    reporting: bool = False  # ReportBatchItemFailures
    bisecting: bool = False  # BisectBatchOnFunctionError
    parallel: int = 1  # ParallelizationFactor


@dataclass(eq=False)
class Lane:
    """The records of some orders of one shard, oldest first, and how many are done."""

    records: list[Any] = field(default_factory=list)
    checkpoint: int = 0
    halves: list[int] = field(default_factory=list)  # the sizes of the next batches, where one has been bisected
    awaited: object = None  # the invocation whose answer counts

    @property
    def unread(self) -> list[Any]:
        return self.records[self.checkpoint :]


@dataclass
class StreamMapping:
    aws: FakeAws
    random: random.Random
    invoke: Invoke
    settings: MappingSettings
    lanes: list[Lane] = field(init=False)
    _taken: int = 0  # of the stream's records

    def __post_init__(self) -> None:
        self.lanes = [Lane() for _ in range(SHARDS * self.settings.parallel)]

    @property
    def is_behind(self) -> bool:
        self._distribute()
        return any(lane.unread for lane in self.lanes)

    def seconds_behind(self) -> float:
        """The age of the oldest record that is not published (Lambda's metric IteratorAge)."""
        self._distribute()
        oldest = [lane.unread[0]["dynamodb"]["ApproximateCreationDateTime"] for lane in self.lanes if lane.unread]
        return self.aws.now - min(oldest, default=self.aws.now)

    @property
    def is_running(self) -> bool:
        return any(lane.awaited for lane in self.lanes)

    def _distribute(self) -> None:
        """Take the records that were written meanwhile: all of one order are in one lane."""
        for record in self.aws.table.records[self._taken :]:
            digest = zlib.crc32(record["dynamodb"]["Keys"]["order_id"]["S"].encode())
            self.lanes[digest % len(self.lanes)].records.append(record)
        self._taken = len(self.aws.table.records)

    def any_turn(self) -> None:
        """A batch of some lane, more often of one whose invocation runs."""
        running = [lane for lane in self.lanes if lane.awaited]
        self.turn(self.random.choice(running if running and self.random.random() < 0.5 else self.lanes))

    def turn(self, lane: Lane) -> None:
        """One invocation with a lane's next batch, unless one runs that the mapping still waits for."""
        self._distribute()
        records = lane.unread[: lane.halves[0] if lane.halves else self.random.randint(1, 100)]
        if not records or (lane.awaited and not self.aws.faults.happens("abandoned")):
            return
        lane.awaited = invocation = object()
        failed_letters = self.aws.failed_letters
        report, error = self.invoke("publish_events", {"Records": [dict(record) for record in records]}, 60)
        is_abandoned = lane.awaited is not invocation
        if isinstance(error, Killed) or is_abandoned or (error and self.aws.failed_letters > failed_letters):
            self.aws.repeats_allowed.update(record["eventID"] for record in records)
        if is_abandoned:
            return
        lane.awaited = None
        numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
        failed = reported_failures(report, set(numbers)) if self.settings.reporting else set()
        if error or failed is None:
            self._again(lane, len(records))
        else:
            self._advance(lane, len(records), min((numbers.index(each) for each in failed), default=len(numbers)))

    def _again(self, lane: Lane, size: int) -> None:
        if self.settings.bisecting and size > 1:
            self.aws.faults.happened["bisected"] += 1
            lane.halves[:1] = [size // 2, size - size // 2]

    def _advance(self, lane: Lane, size: int, done: int) -> None:
        lane.checkpoint += done
        if lane.halves:
            lane.halves[:1] = [size - done] if done < size else []

    def lose_checkpoint(self) -> None:
        """Set a lane's checkpoint back, so that records are delivered again."""
        lane = self.random.choice(self.lanes)
        if not lane.awaited:
            before = lane.checkpoint
            lane.checkpoint = max(0, before - self.random.randint(1, 10))
            lane.halves = []
            self.aws.repeats_allowed.update(each["eventID"] for each in lane.records[lane.checkpoint : before])
