"""The metric filters of infra/, applied to log lines as CloudWatch does.

It supports the part of the pattern language (CloudWatch Logs guide, "Filter pattern syntax for metric filters") that is
used there: terms like `$.a = "b*"` and `$.a = *`, all joined by && or all by ||.
"""

import fnmatch
import io
import json
import re
from collections import defaultdict
from typing import Any

from ordersctl.shared import templates

_TERM = re.compile(r'\$\.(\w+) = (?:"([^"]*)"|(\*))')


def counted(log: io.StringIO) -> dict[str, list[float]]:
    """Metric -> the values that the lines of a log count for it."""
    lines = _lines(log)
    found: dict[str, list[float]] = defaultdict(list)
    for each in filters():
        (metric,) = each["MetricTransformations"]
        for line in lines:
            if _matches(each["FilterPattern"], line):
                value = metric["MetricValue"]
                found[metric["MetricName"]].append(float(line[value[2:]] if value.startswith("$.") else value))
    return dict(found)


def matching(log: io.StringIO, pattern: str) -> list[dict[str, Any]]:
    """The lines of a log that a pattern matches."""
    return [line for line in _lines(log) if _matches(pattern, line)]


def _lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def filters() -> list[dict[str, Any]]:
    every = templates.load(templates.MONITORING)["Resources"].values()
    return [each["Properties"] for each in every if each["Type"] == "AWS::Logs::MetricFilter"]


def _matches(pattern: str, line: dict[str, Any]) -> bool:
    inner = re.fullmatch(r"{ (.*) }", pattern)
    assert inner, pattern
    assert not ("&&" in pattern and "||" in pattern), pattern
    judge = any if "||" in pattern else all
    return judge(_holds(term, line) for term in re.split(r" (?:&&|\|\|) ", inner[1]))


def _holds(term: str, line: dict[str, Any]) -> bool:
    parts = _TERM.fullmatch(term)
    assert parts, term
    name, text, anything = parts.groups()
    return name in line and (bool(anything) or fnmatch.fnmatchcase(str(line[name]), text))
