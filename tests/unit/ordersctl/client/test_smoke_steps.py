"""Steps of `ordersctl smoke` on queues that hold what others sent."""

import json
from typing import Any, cast

import httpx
import pytest

from ordersctl.client.smoke_steps import Smoke, StepError
from ordersctl.shared.stage import Stage

OUTPUTS = ("OrderDeadLetterQueueUrl", "EventDeadLetterQueueUrl")


class Account:
    """boto3's session of an account: `bodies` are in the smoke test's queue, `counts` are SQS's of dead letters."""

    def __init__(self, *bodies: str, **counts: int) -> None:
        self.bodies = list(bodies)
        self.counts = counts

    def client(self, _service: str, **_: Any) -> "Account":
        return self

    def describe_stacks(self, **_: Any) -> Any:
        return {"Stacks": [{"Outputs": [{"OutputKey": name, "OutputValue": name} for name in OUTPUTS]}]}

    def get_queue_attributes(self, AttributeNames: list[str], **_: Any) -> Any:  # noqa: N803 - boto3's names
        return {"Attributes": {name: str(self.counts.get(name, 0)) for name in AttributeNames}}

    def receive_message(self, **_: Any) -> Any:
        return {"Messages": [{"Body": body, "ReceiptHandle": body} for body in self.bodies]}

    def delete_message(self, ReceiptHandle: str, **_: Any) -> None:  # noqa: N803
        self.bodies.remove(ReceiptHandle)


def smoke(account: Account) -> Smoke:
    stage = Stage("x", cast("Any", account), {})
    return Smoke(stage, httpx.Client(), None, "url", timeout_seconds=0, order={"order_id": "ord_1"})


def an_event(event_type: str) -> str:
    return json.dumps({"subject": "ord_1", "type": event_type})


@pytest.mark.parametrize("body", ["[" * 100_000, "no JSON", "[]"], ids=["nested deeply", "no JSON", "no event"])
def test_messages_of_other_programs_are_passed_over(body: str) -> None:
    account = Account(an_event("order.placed"), body, an_event("order.changed"))
    assert smoke(account).publishes() == "order.changed, order.placed"
    assert account.bodies == []


@pytest.mark.parametrize("count", ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"])
def test_dead_letters_are_found_although_another_command_holds_them(count: str) -> None:
    with pytest.raises(StepError, match="not empty: OrderDeadLetterQueue, EventDeadLetterQueue"):
        smoke(Account(**{count: 1})).leaves_no_dead_letters()
    assert smoke(Account()).leaves_no_dead_letters() == "both queues are empty"
