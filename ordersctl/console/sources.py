"""Where the console's news come from: the log files of the local run, or CloudWatch's metrics and live tail."""

import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from chalicelib.domain import clock
from ordersctl.console.flow import Row
from ordersctl.console.gauges import Gauges
from ordersctl.console.tail import Tail
from ordersctl.shared import project
from ordersctl.shared.runs import current
from ordersctl.shared.stage import Stage

NamedLine = tuple[str, dict[str, Any]]
_MINUTE = 60
# What infra/monitoring.yaml counts from log lines, in the order of a row: metric, statistic, share of its value shown.
_METRICS = (
    ("Accepted", "Sum", 1 / _MINUTE),
    ("Placed", "Sum", 1 / _MINUTE),
    ("Published", "Sum", 1 / _MINUTE),
    (None, "", 0),  # the consumers' own matter
    ("PlacedAfter", "p50", 1),
    ("PlacedAfter", "p95", 1),
    ("PublishedAfter", "p50", 1),
    ("PublishedAfter", "p95", 1),
)


class Source(Protocol):
    """One kind of stage, as the console watches it."""

    gauge_seconds: float  # how long to wait between two looks at the queues
    window_seconds: int  # of the page's plots
    gauges: Gauges
    first_rows: list[Row] | None  # of the plots, before `rows` was asked; None where they follow from the lines

    def lines(self) -> Iterator[NamedLine]:
        """Yield the log lines that are new, each with where it was logged."""

    def rows(self) -> list[Row] | None:
        """Return the rows of the plots, as Flow.rows does, the same list until there are others; None as above."""

    def close(self) -> None:
        """Let go of what it holds."""


class LocalSource:
    """The local run: its log files, and its engine."""

    gauge_seconds = 1.0
    window_seconds = 300
    first_rows: list[Row] | None = None

    def __init__(self, stage: Stage) -> None:
        self.gauges = Gauges(stage)
        self._tail = Tail(project.log_dir(current.state_dir()))

    def lines(self) -> Iterator[NamedLine]:
        """Yield the new lines of all files, sorted by time, so that the newest orders of a long run are kept."""
        return iter(sorted(self._tail.lines(), key=lambda named: str(named[1].get("time"))))

    def rows(self) -> list[Row] | None:
        return None

    def close(self) -> None:
        pass


class AwsSource:
    """A stage on AWS: its queues every few seconds, its metrics each minute, its log lines if they are asked for."""

    gauge_seconds = 5.0
    window_seconds = 3_600

    def __init__(self, stage: Stage, *, live_tail: bool) -> None:
        self.gauges = Gauges(stage)
        self.first_rows: list[Row] | None = []
        self._stage = stage
        self._rows: tuple[float, list[Row]] = (0.0, [])
        self._tail = LiveTail(stage) if live_tail else None

    def lines(self) -> Iterator[NamedLine]:
        return iter(()) if self._tail is None else self._tail.lines()

    def rows(self) -> list[Row] | None:
        """Return a row for each minute of the last hour; asks CloudWatch once a minute. Raises botocore's errors."""
        at, rows = self._rows
        if time.monotonic() - at >= _MINUTE or not at:
            rows = _metric_rows(self._stage, self.window_seconds)
            self._rows = (time.monotonic(), rows)
        return rows

    def close(self) -> None:
        if self._tail is not None:
            self._tail.close()


def _metric_rows(stage: Stage, seconds: int) -> list[Row]:
    end = datetime.now(UTC).replace(second=0, microsecond=0)
    queries = [
        {
            "Id": f"m{number}",
            "MetricStat": {
                "Metric": {"Namespace": f"Orders/{stage.name}", "MetricName": name},
                "Period": _MINUTE,
                "Stat": statistic,
            },
        }
        for number, (name, statistic, _) in enumerate(_METRICS)
        if name is not None
    ]
    pages = stage.client("cloudwatch").get_paginator("get_metric_data")
    found: dict[str, dict[int, float]] = {}
    for page in pages.paginate(MetricDataQueries=queries, StartTime=end - timedelta(seconds=seconds), EndTime=end):
        for result in page["MetricDataResults"]:
            times = (int(each.timestamp()) for each in result["Timestamps"])
            found.setdefault(result["Id"], {}).update(zip(times, result["Values"], strict=True))
    last = int(end.timestamp())
    return [[t, *_columns(found, t)] for t in range(last - seconds, last, _MINUTE)]


def _columns(found: dict[str, dict[int, float]], t: int) -> Row:
    row: Row = []
    for number, (_, statistic, share) in enumerate(_METRICS):
        value = found.get(f"m{number}", {}).get(t)
        missing = 0.0 if statistic in {"Sum", ""} else None  # no order is none; no latency is unknown
        row.append(missing if value is None else value * share)
    return row


class LiveTail:
    """CloudWatch Logs' live tail of a stage's functions, read by a thread of its own. AWS bills it by the minute."""

    _LOST_SECONDS = 5.0

    def __init__(self, stage: Stage) -> None:
        self._logs = stage.client("logs")
        self._prefix = f"/aws/lambda/orders-{stage.name}"
        self._new: deque[NamedLine] = deque(maxlen=10_000)
        self._closed = threading.Event()
        threading.Thread(target=self._follow, daemon=True).start()

    def lines(self) -> Iterator[NamedLine]:
        """Yield what has come since the last call."""
        for _ in range(len(self._new)):
            yield self._new.popleft()

    def close(self) -> None:
        self._closed.set()

    def _follow(self) -> None:
        while not self._closed.is_set():  # AWS ends a session after three hours
            try:
                self._session()
            except (BotoCoreError, ClientError, HTTPError) as error:  # botocore lets a broken stream's own error pass
                self._say(f"{type(error).__name__}: {error}")
            self._closed.wait(self._LOST_SECONDS)

    def _session(self) -> None:
        pages = self._logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=self._prefix)
        groups = [group for page in pages for group in page["logGroups"]]
        own = [each for each in groups if each["logGroupName"].removeprefix(self._prefix)[:1] in {"", "-"}]
        if not own:
            self._say(f"there is no log group {self._prefix}")
            return
        arns = [each["arn"].removesuffix(":*") for each in own[:10]]  # the most that a session takes
        with closing(self._logs.start_live_tail(logGroupIdentifiers=arns)["responseStream"]) as stream:
            for event in stream:
                for result in event.get("sessionUpdate", {}).get("sessionResults", []):
                    if (line := tailed(result)) is not None:
                        self._new.append(line)
                if self._closed.is_set():
                    return

    def _say(self, why: str) -> None:
        line = {"time": clock.from_seconds(time.time()), "level": "WARNING", "event": "live tail ended", "reason": why}
        self._new.append(("console", line))


def tailed(result: dict[str, Any]) -> NamedLine | None:
    """Return the line in a result of a live tail; None for what is no JSON line of the service."""
    try:
        line = json.loads(result["message"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    if not isinstance(line, dict):
        return None
    group = str(result.get("logGroupIdentifier", "")).rpartition("/")[2]
    return group, {"time": clock.from_seconds(result.get("timestamp", 0) / 1_000), **line}
