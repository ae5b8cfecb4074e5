"""Chooses the dead letters of a command, and handles each of them."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.errors import Fault, Poison
from ordersctl.operate.dlq.walk import HOLD_SECONDS, Walk
from ordersctl.operate.send import RateLimit
from ordersctl.shared.queues import dead_letters
from ordersctl.shared.queues.dead_letters import DeadLetter
from ordersctl.shared.queues.stage_queues import StageQueues
from ordersctl.shared.stage import Stage

REPEATED = "repeated, and deleted with the first"  # the outcome of a second copy of a dead letter


@dataclass(frozen=True)
class Selection:
    """The criteria that choose dead letters; an empty field excludes none."""

    queue: str | None = None
    ids: tuple[str, ...] = ()  # or their beginnings
    reason: str | None = None
    order: str | None = None
    exact: bool = False  # `reason` is the whole reason, not a part of it

    def matches(self, dead_letter: DeadLetter) -> bool:
        return (
            (not self.ids or dead_letter.id.startswith(self.ids))
            and self._is_for_the_reason(dead_letter.reason)
            and (self.order is None or self.order == dead_letter.order_id)
        )

    def _is_for_the_reason(self, reason: str) -> bool:
        if self.reason is None:
            return True
        return self.reason == reason if self.exact else self.reason.lower() in reason.lower()

    def walk(self, stage: Stage, *, most: int = sys.maxsize, hold_seconds: int = HOLD_SECONDS) -> Walk:
        """Return a walk over the selection's queues, with at most so many messages of each."""
        return Walk(stage, StageQueues.of(stage).dead_named(self.queue), most=most, hold_seconds=hold_seconds)

    @property
    def is_of_some(self) -> bool:
        """Whether it asks for certain dead letters, so that finding none is a mistake, and not an empty queue."""
        return bool(self.ids or self.reason or self.order)

    def among(self, found: Iterable[DeadLetter], missing: set[str] | None = None) -> Iterator[DeadLetter]:
        """Yield the dead letters that match; an id that one of them has is taken from `missing`."""
        for dead_letter in filter(self.matches, found):
            if missing:
                missing -= {each for each in missing if dead_letter.id.startswith(each)}
            yield dead_letter

    def depth(self, stage: Stage) -> int:
        """Return how many messages the selection's queues have, by SQS's own count, held ones too."""
        return sum(dead_letters.depth(stage, queue.url) for queue in StageQueues.of(stage).dead_named(self.queue))

    def in_flight(self, stage: Stage) -> int:
        """Return how many messages of the selection's queues are held by another command."""
        return sum(dead_letters.in_flight(stage, queue) for queue in StageQueues.of(stage).dead_named(self.queue))


@dataclass(frozen=True)
class Result:
    """The results of handling the dead letters of a selection."""

    done: Counter[str]  # outcome -> the number of dead letters with it, which were deleted
    stayed: list[dict[str, Any]]  # the rows of those that were not handled, each with the error as its reason
    unfit: list[str]  # the ids of those among them that would fail again however often they are sent


def handle_each(
    walk: Walk, selected: Iterable[DeadLetter], handle: Callable[[DeadLetter], str], *, rate: float
) -> Result:
    """Handle each dead letter, then delete it; one for which `handle` raises an error stays in its queue.

    A repetition of one that was handled is deleted with it. `handle` returns the outcome; `rate` is per second.
    """
    limit, result = RateLimit(rate), Result(Counter(), [], [])
    handled: set[tuple[str, str, str]] = set()
    for dead_letter in selected:
        if (repeats := dead_letter.repeats) in handled:
            walk.delete(dead_letter)
            result.done[REPEATED] += 1
            continue
        limit.wait()
        walk.renew_when_due()
        try:
            outcome = handle(dead_letter)
        except (Poison, Fault, BotoCoreError, ClientError, OSError) as error:
            result.stayed.append({**dead_letter.row(), "reason": str(error)})
            if isinstance(error, Poison):
                result.unfit.append(dead_letter.id)
            continue
        walk.delete(dead_letter)
        result.done[outcome] += 1
        if repeats is not None:
            handled.add(repeats)
    return result
