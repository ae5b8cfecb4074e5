"""Dead letters that other commands hold, on AWS: SQS goes on counting those that were just released."""

import time
from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ordersctl.operate.erasure.held_dead_letters import held_dead_letters
from ordersctl.shared.stage import Stage

QUEUES = ("OrderQueue", "OrderDeadLetterQueue", "EventDeadLetterQueue")


class Account:
    """boto3's session of an account; `counts` are SQS's of messages in flight, one for each time it is asked."""

    def __init__(self, *counts: int) -> None:
        self.counts = list(counts)

    def client(self, _service: str, **_: Any) -> "Account":
        return self

    def describe_stacks(self, **_: Any) -> Any:
        outputs = {"EventTopicArn": "arn:topic"} | {f"{name}Url": f"https://sqs/{name}" for name in QUEUES}
        return {"Stacks": [{"Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]}]}

    def get_paginator(self, _name: str) -> Any:
        return SimpleNamespace(paginate=lambda **_: [{"Subscriptions": []}])

    def get_queue_attributes(self, QueueUrl: str, AttributeNames: list[str]) -> Any:  # noqa: N803 - boto3's names
        count = self.counts.pop(0) if QueueUrl.endswith("/OrderDeadLetterQueue") else 0
        return {"Attributes": {AttributeNames[0]: str(count)}}


@pytest.mark.parametrize(
    ("counts", "held", "seconds"),
    [([0], {}, 0), ([2, 1, 0], {}, 10), ([1] * 13, {"orders": 1}, 60)],
    ids=["none", "released before", "held"],
)
def test_held_are_those_that_still_count_after_a_minute(
    counts: list[int], held: dict[str, int], seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda pause: now.__setitem__(0, now[0] + pause))
    account = Account(*counts)
    assert held_dead_letters(Stage("x", cast("Any", account), {})) == Counter(held)
    assert (now[0], account.counts) == (seconds, [])
