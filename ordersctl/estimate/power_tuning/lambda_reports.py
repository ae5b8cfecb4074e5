"""Lambda's report of an invocation in its log: a REPORT line, or a platform.report record where the format is JSON."""

import json
import re
from dataclasses import dataclass

_TEXT = re.compile(
    r"^REPORT RequestId: .*?Billed Duration: (?P<billed>\d+) ms(?:.*?Init Duration: (?P<init>[\d.]+) ms)?"
)


@dataclass(frozen=True)
class Report:
    """Of one invocation. The billed duration includes the start, if there was one (since August 2025)."""

    billed_ms: float
    init_ms: float | None


def last_report(log: str) -> Report | None:
    """Return the last report in a log; None when the system log level hid it.

    Forms: https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html (text),
    https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html#platform-report (JSON).
    """
    for line in reversed(log.splitlines()):
        if found := _text(line) or _json(line):
            return found
    return None


def _text(line: str) -> Report | None:
    if (found := _TEXT.match(line)) is None:
        return None
    return Report(float(found["billed"]), None if found["init"] is None else float(found["init"]))


def _json(line: str) -> Report | None:
    try:
        event = json.loads(line)
        if event["type"] != "platform.report":
            return None
        metrics = event["record"]["metrics"]
        init = metrics.get("initDurationMs")
        return Report(float(metrics["billedDurationMs"]), None if init is None else float(init))
    # The function's own lines stand between Lambda's, and may be any text; the first line of the tail is cut off.
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
