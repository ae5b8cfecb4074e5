"""The dead letters that other commands hold: no walk sees them, and a redrive may send them at any moment."""

import time
from collections import Counter

from ordersctl.operate.erasure.order_queue import COUNTS_SETTLE_SECONDS, POLL_SECONDS
from ordersctl.shared.queues.dead_letters import in_flight
from ordersctl.shared.queues.stage_queues import StageQueues
from ordersctl.shared.stage import Stage


def held_dead_letters(stage: Stage) -> Counter[str]:
    """Count by queue the dead letters that are held; on AWS after waiting until the counts can be trusted."""
    queues = StageQueues.of(stage).dead
    # SQS may go on counting what this command's own walks have released.
    until = time.monotonic() + (0 if stage.is_local else COUNTS_SETTLE_SECONDS)
    while True:
        held: Counter[str] = Counter()
        for queue in queues:
            held[queue.name] += in_flight(stage, queue)
        held = +held  # without the queues that have none
        if not held or time.monotonic() >= until:
            return held
        time.sleep(POLL_SECONDS[stage.is_local])
