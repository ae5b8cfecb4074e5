"""The state of each queue: its reader is paused, nobody reads it, or its reader makes no progress."""

from typing import Any

from ordersctl.shared.queues.measures import (
    depth_rows,
    engine_messages,
    event_source_mappings,
    metric,
    reader,
    reader_states,
)
from ordersctl.shared.queues.stage_queues import Queue, StageQueues
from ordersctl.shared.runs import current
from ordersctl.shared.runs.state_file import Run, is_alive
from ordersctl.shared.stage import Stage

NOBODY = "nobody consumes"
STUCK = "stuck"
WHY_STUCK = "its reader makes no progress, or is gone"  # a receive is no proof that its program still runs
STUCK_AFTER = 2  # visibility timeouts: by then every message was delivered, and those that failed once again
GRACE_SECONDS = 1  # that a message may wait for a reader that is not known, such as another team's program


def queue_rows(stage: Stage) -> list[dict[str, Any]]:
    """Return depth, messages in flight and the age of the oldest (seconds) of every queue, the dead-letter queues last.

    `state` is `paused` or AWS's word for a reader that was stopped, NOBODY or STUCK; "" where all is well, or unknown.
    """
    queues = StageQueues.of(stage)
    stopped = reader_states(stage, queues)
    rows = depth_rows(stage, queues)
    states = [
        stopped.get(reader(queue)) or _state(stage, queue, row)
        for queue, row in zip(queues.live, rows[: len(queues.live)], strict=True)
    ]
    return [row | {"state": state} for row, state in zip(rows, states + [""] * len(queues.dead), strict=True)]


def processes() -> dict[str, bool]:
    """Return the processes of the local run by name, and whether each is alive; none where nothing runs."""
    run = Run.read(current.state_dir())
    return {name: is_alive(pid) for name, pid in (run.processes if run else {}).items() if isinstance(pid, int)}


def _state(stage: Stage, queue: Queue, row: dict[str, Any]) -> str:
    """Return NOBODY, STUCK or "" for a queue whose reader was not stopped."""
    if not row["waiting"] + row["in_flight"]:
        return ""
    oldest = row["oldest"]
    if not row["in_flight"] and not (_is_read_here(queue, oldest) if stage.is_local else _is_read(stage, queue)):
        return NOBODY
    visibility = int(stage.queue_attributes(queue.url, "VisibilityTimeout")["VisibilityTimeout"])
    return STUCK if oldest is not None and oldest > STUCK_AFTER * visibility else ""


def _is_read_here(queue: Queue, oldest: float | None) -> bool:
    """Return whether a process of the run reads a queue, or another program does.

    One that reads receives a message again after it has failed; who received it once, and no more, had a look.
    """
    name = "event sources" if queue.kind == "orders" else queue.name
    if processes().get(name) or oldest is None or oldest < GRACE_SECONDS:
        return True
    return any(each["ReceiveCount"] > 1 for each in engine_messages(queue))


def _is_read(stage: Stage, queue: Queue) -> bool:
    """Return whether a function of this account, or lately any program, reads a queue; True for another account's."""
    if _account(queue.url) != _account(stage.output("OrderQueueUrl")):
        return True
    if event_source_mappings(stage, stage.queue_arn(queue.url)):
        return True
    named = {"QueueName": queue.full_name}
    receives = ("NumberOfMessagesReceived", "NumberOfEmptyReceives")
    return any(metric(stage, "AWS/SQS", name, named) for name in receives)


def _account(url: str) -> str:
    return url.split("/")[-2]
