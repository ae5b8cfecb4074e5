"""What DynamoDB throttled lately, and why: its own metrics on AWS, the functions' log lines locally."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any, NamedTuple

from chalicelib.domain import clock
from ordersctl.shared import project
from ordersctl.shared.runs import current
from ordersctl.shared.stage import Stage

MINUTES = 15
INDEX = "by-customer"
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TroubleshootingThrottling-cloudwatch.html
_LIMITS = ("KeyRangeThroughput", "ProvisionedThroughput", "AccountLimit", "MaxOnDemandThroughput")
_REASONS = [f"{operation}{limit}" for operation, limit in product(("Write", "Read"), _LIMITS)]


class Throttle(NamedTuple):
    """A reason as DynamoDB names it, with what it throttled: the table, or its index."""

    resource: str  # "table" or the index's name
    reason: str  # as in WriteKeyRangeThroughput
    events: int

    @property
    def is_hot_key(self) -> bool:
        """Whether one key of the index took more writes than a key can: a customer that is to be spread."""
        return self.resource == INDEX and self.reason == "WriteKeyRangeThroughput"


def throttles(stage: Stage) -> list[Throttle]:
    """Return what was throttled in the last MINUTES, the most frequent first."""
    found = _logged() if stage.is_local else _measured(stage)
    return sorted((each for each in found if each.events), key=lambda each: -each.events)


def _measured(stage: Stage) -> Iterator[Throttle]:
    table = {"Name": "TableName", "Value": stage.output("OrderTable")}
    dimensions = {"table": [table], INDEX: [table, {"Name": "GlobalSecondaryIndexName", "Value": INDEX}]}
    asked = list(product(dimensions, _REASONS))
    queries: list[Any] = [
        {
            "Id": f"q{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/DynamoDB",
                    "MetricName": f"{reason}ThrottleEvents",
                    "Dimensions": dimensions[resource],
                },
                "Period": 60,
                "Stat": "Sum",
            },
        }
        for number, (resource, reason) in enumerate(asked)
    ]
    now = datetime.now(UTC)
    answer = stage.client("cloudwatch").get_metric_data(
        MetricDataQueries=queries, StartTime=now - timedelta(minutes=MINUTES), EndTime=now
    )
    values = {each["Id"]: sum(each["Values"]) for each in answer["MetricDataResults"]}
    for number, (resource, reason) in enumerate(asked):
        yield Throttle(resource, reason, round(values.get(f"q{number}", 0)))


def _logged() -> Iterator[Throttle]:
    since = clock.from_seconds(time.time() - 60 * MINUTES)
    counts: Counter[tuple[str, str]] = Counter()
    for path in project.log_dir(current.state_dir()).glob("*.log"):
        for text in path.read_text(errors="replace").splitlines():
            if '"dynamodb.throttled"' not in text:
                continue
            line = json.loads(text)
            if line["time"] >= since:
                counts[_of(line)] += 1
    for (resource, reason), events in counts.items():
        yield Throttle(resource, reason, events)


def _of(line: dict[str, Any]) -> tuple[str, str]:
    """The resource and reason of a log line: IndexWriteKeyRangeThroughputExceeded of arn:…/index/by-customer."""
    kind, reason = "table", str(line.get("reason", "unknown")).removesuffix("Exceeded")
    for prefix in ("Table", "Index"):
        if reason.startswith(prefix):
            kind, reason = prefix.lower(), reason.removeprefix(prefix)
    return (str(line.get("resource", "")).rpartition("/")[2] if kind == "index" else "table"), reason
