"""One JSON line per thing that happened: a name, ids, how long it took. Nothing personal, no token, no body.

Metrics are made of these lines by infra/monitoring.yaml: docs/adr/0012-metrics-are-counted-where-lines-are-kept.md.
"""

import json
import logging
import sys
import time
import traceback
from datetime import datetime
from pathlib import PurePath
from typing import Any

from chalicelib.domain.errors import Fault

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
_FRAMES = 6  # of a traceback, the innermost

logger = logging.getLogger("orders")


def tell(event: str, *, level: int = logging.INFO, **details: object) -> None:
    """Log that something happened to what, and what more there is to say; a detail that is None is left out."""
    logger.log(level, event, extra=details)


def milliseconds_since(moment: str) -> int:
    """The age of a time of RFC 3339, 0 for what is none: a metric must not stop an order."""
    try:
        return max(0, round((time.time() - datetime.fromisoformat(moment).timestamp()) * 1000))
    except (ValueError, OverflowError):
        return 0


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "event": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD and value is not None}
        if record.exc_info:
            line["exception"] = _trace(record.exc_info[1])
        return json.dumps(line, default=str, separators=(",", ":"))


def _trace(error: BaseException | None) -> list[str]:
    """What was raised where, outermost first. Not the messages: pydantic's and botocore's repeat what a client sent."""
    lines: list[str] = []
    while error is not None:
        frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
        where = " > ".join(f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
        what = f"{type(error).__name__}: {error}" if isinstance(error, Fault) else type(error).__name__
        lines.append(f"{what} at {where}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return lines


def configure() -> None:
    """Write the service's log to stdout, as Lambda collects it; once, however often it is called."""
    if logger.handlers:
        return
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
