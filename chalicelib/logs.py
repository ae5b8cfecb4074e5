"""The service's log: one JSON line per event, with a name, ids and durations. No personal data, no token, no body.

infra/monitoring.yaml turns these lines into metrics: docs/adr/0012-metrics-are-counted-where-lines-are-kept.md.
"""

import json
import logging
import os
import sys
import traceback
from pathlib import PurePath
from typing import Any, Protocol

from chalicelib.domain import clock
from chalicelib.domain.errors import Fault
from chalicelib.settings import SettingsError

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
_FRAMES = 6  # frames of a traceback, the innermost
_OWN_MESSAGES = (Fault, SettingsError)  # errors whose messages are ours, and repeat nothing that a client sent

logger = logging.getLogger("orders")


class Traced(Protocol):
    """An order, its command or its tombstone."""

    @property
    def order_id(self) -> str: ...
    @property
    def correlation_id(self) -> str: ...
    @property
    def traceparent(self) -> str | None: ...


def log(event: str, *, level: int = logging.INFO, **details: object) -> None:
    """Write one line; a detail that is None is left out."""
    logger.log(level, event, extra=details)


def ids_of(order: Traced) -> dict[str, Any]:
    """The details that connect all log lines of an order."""
    return {"order_id": order.order_id, "correlation_id": order.correlation_id, "traceparent": order.traceparent}


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": clock.from_seconds(record.created),
            "level": record.levelname,
            "event": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD and value is not None}
        if record.exc_info:
            error = record.exc_info[1]
            line["exception"] = _trace(error)
            if not isinstance(error, Fault):  # a release that fails by itself is taken back: infra/release.yaml
                line["release"] = os.environ.get("RELEASE", "none")
        return json.dumps(line, default=str, separators=(",", ":"))


def _trace(error: BaseException | None) -> list[str]:
    """Types and places of an error and its causes; only our own messages: a library's may repeat a client's data."""
    lines: list[str] = []
    while error is not None:
        frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
        where = " > ".join(f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
        what = f"{type(error).__name__}: {error}" if isinstance(error, _OWN_MESSAGES) else type(error).__name__
        lines.append(f"{what} at {where}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return lines


def configure() -> None:
    """Write the log to stdout, where Lambda collects it. A second call changes nothing."""
    if logger.handlers:
        return
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
