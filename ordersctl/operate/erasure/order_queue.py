"""Whether the orders that were accepted before some moment have all left the order queue."""

import time
from dataclasses import dataclass, field

from ordersctl.shared.queues import measures as queue_measures
from ordersctl.shared.queues.stage_queues import StageQueues
from ordersctl.shared.stage import Stage

# SQS's counts are approximate for about a minute after the last message was sent (API reference, GetQueueAttributes).
COUNTS_SETTLE_SECONDS = 60
_ROUNDING_SECONDS = 0.1  # of the engine's ages
POLL_SECONDS = {True: 0.2, False: 5.0}  # by whether the stage is local


@dataclass
class OrderQueueDrain:
    """Watches the order queue from outside: receiving a message would bring it closer to the dead letters."""

    stage: Stage
    began: float = field(default_factory=time.monotonic)
    _empty_since: float | None = None

    def wait(self, seconds: float) -> bool:
        """Wait until every message sent before this object was made is gone; False when that takes longer."""
        until = time.monotonic() + seconds
        while not self._is_over():
            if time.monotonic() >= until:
                return False
            time.sleep(POLL_SECONDS[self.stage.is_local])
        return True

    def _is_over(self) -> bool:
        measures = queue_measures.row(self.stage, StageQueues.of(self.stage).live[0], dead=False)
        now = time.monotonic()
        if measures["waiting"] + measures["in_flight"] + measures["delayed"]:
            self._empty_since = None
        elif self._empty_since is None:
            self._empty_since = now
        oldest = measures["oldest"]
        if self.stage.is_local:
            return oldest is None or oldest + _ROUNDING_SECONDS < now - self.began
        if self._empty_since is not None and now - self._empty_since >= COUNTS_SETTLE_SECONDS:
            return True
        # The metric's newest value may be as old as the window in which it is looked for.
        return oldest is not None and oldest + queue_measures.METRIC_MINUTES * 60 < now - self.began
