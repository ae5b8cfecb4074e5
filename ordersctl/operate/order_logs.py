"""The log lines of one order: from the local run's files, or from CloudWatch Logs."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from chalicelib.domain import clock
from chalicelib.domain.orders import ErasedOrder, Order
from ordersctl.shared import project
from ordersctl.shared.queues.message_json import parsed_or_none
from ordersctl.shared.queues.stage_queues import StageQueues
from ordersctl.shared.runs import current
from ordersctl.shared.stage import Stage

_SPARE_SECONDS = 60  # seconds by which clocks may differ
_HANDLED_SECONDS = 15 * 60  # after its last change, within which an order's event is usually published and handled
_HOURS = 24  # how far back an order that is not in the table is looked for
Line = dict[str, Any]


def lines_of(
    stage: Stage, queues: StageQueues, order_id: str, order: Order | ErasedOrder | None, hours: int | None
) -> list[Line]:
    """Return the log lines that name an order, then those that share their correlation ids.

    `order` is the stored one, if there is one. `hours` is how far back to read on AWS; None reads from when the order
    was placed until a while after its last change. A line has the fields that it was logged with, and `where` it was
    logged.
    """
    read = _local_lines if stage.is_local else _CloudWatch(stage, queues, _window(order, hours)).lines
    return _of_order(read, order_id, order)


def _of_order(
    read: Callable[[Iterable[str]], Iterator[Line]], order_id: str, order: Order | ErasedOrder | None
) -> list[Line]:
    known = set() if order is None else {order.correlation_id}
    named = list(read([order_id, *known]))
    of_order = (line for line in named if line.get("correlation_id") and order_id in json.dumps(line))
    ids = {str(line["correlation_id"]) for line in of_order}
    further = sorted(ids - known)
    found = {json.dumps(line, sort_keys=True): line for line in [*named, *(read(further) if further else [])]}
    # Another order may share a correlation id, when a client sends the same one with two.
    return [line for line in found.values() if line.get("order_id", order_id) == order_id]


def _local_lines(words: Iterable[str]) -> Iterator[Line]:
    wanted = list(words)
    for path in sorted(project.log_dir(current.state_dir()).glob("*.log")):
        for text in path.read_text(errors="replace").splitlines():
            if any(word in text for word in wanted) and (line := _parsed(text)) is not None:
                yield {"where": path.stem, **line}


def _window(order: Order | ErasedOrder | None, hours: int | None) -> tuple[float, float]:
    """Return from when to when the logs of an order are read, in seconds since 1970."""
    now = time.time() + _SPARE_SECONDS
    if order is None or hours is not None:
        return now - (hours or _HOURS) * 3_600 - 2 * _SPARE_SECONDS, now
    changed = clock.to_seconds(order.updated_at)
    # A tombstone does not say when the order was placed.
    placed = changed - _HOURS * 3_600 if isinstance(order, ErasedOrder) else clock.to_seconds(order.placed_at)
    return max(0.0, placed - _SPARE_SECONDS), min(now, changed + _HANDLED_SECONDS)


class _CloudWatch:
    """The log groups of a stage's functions, and of its consumers where they are named as the sample ones are."""

    def __init__(self, stage: Stage, queues: StageQueues, window: tuple[float, float]) -> None:
        self._logs = stage.client("logs")
        self._window = {"startTime": int(window[0] * 1_000), "endTime": int(window[1] * 1_000)}
        # The API's function has the stage's name alone, the others have it and their own.
        common = "/aws/lambda/orders-"
        name = f"{common}{stage.name}"
        begins = [f"{name}-", *(f"{common}{queue.name}-{stage.name}-" for queue in queues.live)]
        pages = self._logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=common)
        groups = (group["logGroupName"] for page in pages for group in page["logGroups"])
        self._groups = [group for group in groups if group == name or group.startswith(tuple(begins))]

    def lines(self, words: Iterable[str]) -> Iterator[Line]:
        pattern = " ".join(f'?"{word}"' for word in words)
        for group in self._groups:
            pages = self._logs.get_paginator("filter_log_events").paginate(
                logGroupName=group, filterPattern=pattern, **self._window
            )
            for event in (event for page in pages for event in page["events"]):
                if (line := _parsed(event["message"])) is not None:
                    yield {
                        "where": group.rpartition("/")[2],
                        "time": clock.from_seconds(event["timestamp"] / 1_000),
                        **line,
                    }


def _parsed(text: str) -> Line | None:
    """Return a parsed log line of the service or a consumer, which names an event; None for any other line."""
    line = parsed_or_none(text)
    return line if isinstance(line, dict) and "event" in line else None
