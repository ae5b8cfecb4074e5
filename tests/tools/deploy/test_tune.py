"""`ordersctl tune` right after `chalice deploy`, when Lambda is still making the event source mappings."""

from dataclasses import dataclass, field
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError

from ordersctl.deploy.tune import tune_stage
from ordersctl.shared.stage import Stage


@dataclass(eq=False)
class Account:
    """As boto3's session and all its clients: a stage whose mappings are being made for so many calls more."""

    busy: int
    code: str = "ResourceInUseException"
    tuned: list[str] = field(default_factory=list)

    def client(self, _service: str, **_options: Any) -> Any:
        return self

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        url = "https://sqs.eu-west-1.amazonaws.com/123456789012/orders-dev-events-dlq"
        return {"Stacks": [{"Outputs": [{"OutputKey": "EventDeadLetterQueueUrl", "OutputValue": url}]}]}

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        return {"Attributes": {"QueueArn": "arn:aws:sqs:eu-west-1:123456789012:orders-dev-events-dlq"}}

    def list_event_source_mappings(self, FunctionName: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        return {"EventSourceMappings": [{"UUID": FunctionName, "State": "Creating"}]}

    def update_event_source_mapping(self, UUID: str, **_wish: Any) -> None:  # noqa: N803
        if self.busy:
            self.busy -= 1
            raise ClientError({"Error": {"Code": self.code, "Message": "in use"}}, "UpdateEventSourceMapping")
        self.tuned.append(UUID)

    def get_function_configuration(self, **_: str) -> dict[str, Any]:
        return {"LoggingConfig": {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "WARN"}}


def tune(account: Account) -> None:
    tune_stage(Stage("dev", cast("boto3.Session", account), {}), pause_seconds=0)


def test_mappings_that_are_still_being_made_are_waited_for() -> None:
    account = Account(busy=3)
    tune(account)
    assert account.tuned == ["orders-dev-process-orders", "orders-dev-publish-events"]


def test_a_refusal_that_does_not_pass_is_not_repeated() -> None:
    account = Account(busy=3, code="InvalidParameterValueException")
    with pytest.raises(ClientError, match="in use"):
        tune(account)
    assert account.busy == 2
