"""How far the publisher is on AWS, by its mapping's state and its iterator age: when a replay may go on."""

import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import click
import pytest

from chalicelib.domain import clock
from ordersctl.operate.replay.orders import Page
from ordersctl.operate.replay.publisher_lag import PublisherLag
from ordersctl.shared.stage import Stage
from testkit import builders

PUBLISHER = "orders-x-publish-events"
WORKS = {"State": "Enabled", "LastProcessingResult": "OK"}


class Account:
    """boto3's session of an account that has one stage; `mapping` is its publisher's, `lag` in seconds.

    The mapping of a packaged stage points at an alias, the `qualifier`.
    """

    def __init__(self, mapping: dict[str, str] | None, lag: float | None, qualifier: str = "") -> None:
        arn = f"arn:aws:lambda:us-east-1:1:function:{PUBLISHER}{qualifier}"
        self.mappings = [] if mapping is None else [{"FunctionArn": arn, **mapping}]
        self.lag = lag
        self.calls: Counter[str] = Counter()

    def client(self, _service: str, **_: Any) -> "Account":
        return self

    def describe_stacks(self, **_: Any) -> Any:
        return {"Stacks": [{"Outputs": [{"OutputKey": "OrderStreamArn", "OutputValue": "arn:stream"}]}]}

    def list_event_source_mappings(self, **_: Any) -> Any:
        self.calls["mappings"] += 1
        return {"EventSourceMappings": self.mappings}

    def get_metric_statistics(self, Dimensions: list[dict[str, str]], **_: Any) -> Any:  # noqa: N803 - boto3's names
        if self.lag is None or Dimensions != [{"Name": "FunctionName", "Value": PUBLISHER}]:
            return {"Datapoints": []}  # CloudWatch does not know the metric: no error
        return {"Datapoints": [{"Timestamp": datetime.now(UTC), "Maximum": self.lag * 1_000}]}


def lag_of(account: Any) -> PublisherLag:
    return PublisherLag(Stage("x", account, {}))


@pytest.mark.parametrize("qualifier", ["", ":live", ":12"])
@pytest.mark.parametrize(
    ("mapping", "lag", "said"),
    [
        (WORKS, 7_200, f"{PUBLISHER} 2 h"),
        (WORKS | {"State": "Disabled"}, None, "Disabled"),
        (WORKS | {"State": "Disabled"}, 0, "Disabled"),
        (WORKS | {"LastProcessingResult": "PROBLEM: Function call failed"}, 1, "PROBLEM: Function call failed"),
        (None, 0, "no function reads the table's stream"),
    ],
    ids=["hours behind", "disabled", "disabled, not behind yet", "failing", "no mapping"],
)
def test_a_replay_is_refused_while_the_publisher(
    mapping: dict[str, str] | None, lag: float | None, said: str, qualifier: str
) -> None:
    with pytest.raises(click.ClickException, match=said):
        lag_of(Account(mapping, lag, qualifier)).published_until(time.time())


@pytest.mark.parametrize("qualifier", ["", ":live"])
@pytest.mark.parametrize("result", ["OK", "No records processed"])
@pytest.mark.parametrize(("lag", "minutes"), [(0.5, 5), (None, 15)], ids=["measured", "idle"])
def test_what_changed_before_the_last_minutes_is_published(
    lag: float | None, minutes: int, result: str, qualifier: str
) -> None:
    now = time.time()
    until = lag_of(Account(WORKS | {"LastProcessingResult": result}, lag, qualifier)).published_until(now)
    assert until == pytest.approx(now - minutes * 60, abs=5)


def test_an_order_that_changed_just_now_is_left_out_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    now = time.time()
    old, recent = (
        builders.an_order(order_id=builders.fresh_order_id(), version=2, updated_at=clock.from_seconds(now - age))
        for age in (400, 100)
    )
    page = Page([old, None, recent], None, 3)
    assert lag_of(Account(WORKS, 0.5)).without_recent(page) == [old]
    assert f"{recent.order_id} is left" in capsys.readouterr().err


def test_aws_is_asked_at_most_every_half_minute() -> None:
    account = Account(WORKS, 0.5)
    lag = lag_of(account)
    for _ in range(100):
        lag.published_until(time.time())
    assert account.calls["mappings"] == 1
