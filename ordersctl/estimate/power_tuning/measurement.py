"""Measures a deployed function: the billed milliseconds of warm invocations, from Lambda's own reports."""

import base64
import json
import math
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from ordersctl.estimate.power_tuning.lambda_reports import last_report
from ordersctl.shared.stage import Stage

_TRIES_PER_WARM = 3  # invocations at most for each requested warm one
_REFUSED = 400


@dataclass(frozen=True)
class Measurement:
    """A memory size (MB), the billed milliseconds of each warm invocation, and those of the start if it is known."""

    memory: int
    billed_ms: Sequence[float]
    init_ms: float | None

    @property
    def milliseconds(self) -> float:
        return statistics.fmean(self.billed_ms)

    def dollars_per_million(self, price: Mapping[str, Any]) -> float:
        """Return US dollars for a million invocations; `price` is the section `lambda` of the price list."""
        gigabytes = self.memory / 1024
        return float(
            price["per_million_requests"] + self.milliseconds * 1e3 * gigabytes * price["per_million_gb_seconds"] / 1e6
        )


def invoke(stage: Stage, function: str, event: bytes, times: int) -> tuple[list[float], float | None]:
    """Return the billed milliseconds of `times` warm invocations, and of the first one's start.

    Raises ClickException if an invocation fails.
    """
    billed: list[float] = []
    started: float | None = None
    for number in range(_TRIES_PER_WARM * times + 1):
        if len(billed) == times:
            break
        before = time.perf_counter()
        answer = stage.client("lambda").invoke(FunctionName=function, Payload=event, LogType="Tail")
        with answer["Payload"] as payload:
            returned = payload.read()
        elapsed_ms = math.ceil((time.perf_counter() - before) * 1000)
        if "FunctionError" in answer or _is_refusal(returned):
            raise click.ClickException(f"{function} fails on this payload: {returned[:500]!r}")
        report = last_report(base64.b64decode(answer.get("LogResult", "")).decode(errors="replace"))
        if report is None and not stage.is_local:
            raise click.ClickException(f"Lambda reports nothing of {function} at the end of its log")
        if number == 0:  # the first invocation starts the function, and does not belong in the mean
            started = report.init_ms if report else None
        elif report is None:  # the embedded engine bills nothing: there, the call's own duration
            billed.append(elapsed_ms)
        elif report.init_ms is None:  # a start means that other traffic took the warm environments
            billed.append(report.billed_ms)
    if len(billed) < times:
        raise click.ClickException(f"{function} was started anew too often: other traffic takes its warm environments")
    return billed, started


def _is_refusal(returned: bytes) -> bool:
    """Whether a function's answer reports that the work failed: by an API's status or a batch's failures."""
    try:
        answer = json.loads(returned)
    except ValueError:
        return False
    if not isinstance(answer, dict):
        return False
    status = answer.get("statusCode")
    return bool(answer.get("batchItemFailures")) or (isinstance(status, int) and status >= _REFUSED)
