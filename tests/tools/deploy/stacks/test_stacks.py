"""Changing a stack from any state that the last attempt left, against a fake CloudFormation."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import click
import pytest
from botocore.exceptions import ClientError

from ordersctl.deploy.stack import Change, Plan, Stack

TEMPLATE = {"TemplateBody": "{}"}
CHANGES = [
    {"ResourceChange": {"Action": "Modify", "LogicalResourceId": "OrderQueue", "ResourceType": "AWS::SQS::Queue"}},
    {
        "ResourceChange": {
            "Action": "Modify",
            "LogicalResourceId": "OrderTable",
            "ResourceType": "AWS::DynamoDB::GlobalTable",
            "Replacement": "True",
        }
    },
]


@dataclass
class CloudFormation:
    """Answers with `statuses` one after the other and repeats the last; None is a stack that does not exist."""

    statuses: list[str | None]
    change_set: dict[str, Any] = field(default_factory=lambda: {"Status": "CREATE_COMPLETE", "Changes": CHANGES})
    events: list[dict[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status is None:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": "it does not exist"}}, "DescribeStacks")
        return {"Stacks": [{"StackStatus": status}]}

    def create_change_set(self, **given: Any) -> None:
        self.asked.append(f"create_change_set {given['ChangeSetType']}")

    def describe_change_set(self, **_: str) -> dict[str, Any]:
        return self.change_set

    def describe_stack_events(self, **_: str) -> dict[str, Any]:
        return {"StackEvents": self.events}

    def __getattr__(self, name: str) -> Any:
        return lambda **_: self.asked.append(name)


def stack(cloudformation: CloudFormation) -> Stack:
    return Stack(cloudformation, "orders-dev", pause_seconds=0, queue_name_seconds=0)


def test_a_plan_says_what_would_be_replaced() -> None:
    plan = stack(CloudFormation(["UPDATE_COMPLETE"])).plan(TEMPLATE, {}, {})
    assert plan is not None
    assert plan.changes == (
        Change("Modify", "OrderQueue", "AWS::SQS::Queue", replaced=False),
        Change("Modify", "OrderTable", "AWS::DynamoDB::GlobalTable", replaced=True),
    )


@pytest.mark.parametrize(
    ("statuses", "asked"),
    [
        ([None], ["create_change_set CREATE"]),
        (["REVIEW_IN_PROGRESS"], ["create_change_set CREATE"]),
        (["CREATE_COMPLETE"], ["create_change_set UPDATE"]),
        (["UPDATE_ROLLBACK_COMPLETE"], ["create_change_set UPDATE"]),
        (["ROLLBACK_COMPLETE", "DELETE_IN_PROGRESS", None], ["delete_stack", "create_change_set CREATE"]),
        (["ROLLBACK_FAILED", None], ["delete_stack", "create_change_set CREATE"]),
        (
            ["UPDATE_ROLLBACK_FAILED", "UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"],
            ["continue_update_rollback", "create_change_set UPDATE"],
        ),
    ],
    ids=lambda value: str(value[0]),
)
def test_a_change_starts_from_any_state_that_the_last_one_left(statuses: list[str | None], asked: list[str]) -> None:
    cloudformation = CloudFormation(statuses)
    assert stack(cloudformation).plan(TEMPLATE, {}, {}) is not None
    assert cloudformation.asked == asked


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS", "IMPORT_ROLLBACK_FAILED"])
def test_a_stack_that_cannot_be_changed_now_is_left_alone(status: str) -> None:
    cloudformation = CloudFormation([status])
    with pytest.raises(click.ClickException, match=status):
        stack(cloudformation).plan(TEMPLATE, {}, {})
    assert cloudformation.asked == []


def test_a_change_set_without_changes_is_no_plan() -> None:
    reason = "The submitted information didn't contain changes."
    cloudformation = CloudFormation(["CREATE_COMPLETE"], {"Status": "FAILED", "StatusReason": reason})
    assert stack(cloudformation).plan(TEMPLATE, {}, {}) is None
    assert cloudformation.asked[-1] == "delete_change_set"


def test_a_refused_change_set_says_why() -> None:
    cloudformation = CloudFormation(["CREATE_COMPLETE"], {"Status": "FAILED", "StatusReason": "no such parameter"})
    with pytest.raises(click.ClickException, match="no such parameter"):
        stack(cloudformation).plan(TEMPLATE, {}, {})


def test_a_change_that_is_rolled_back_names_only_its_own_failures() -> None:
    cloudformation = CloudFormation(["UPDATE_COMPLETE", "UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"])
    cloudformation.events = Events(
        [failure("1", "OldQueue", "long ago")],
        [
            failure("3", "OrderTable", "Resource update cancelled"),
            failure("2", "OrderQueue", "the name is taken"),
            failure("1", "OldQueue", "long ago"),
        ],
    )
    with pytest.raises(click.ClickException) as rolled_back:
        stack(cloudformation).apply(Plan("one", ()))
    assert "OrderQueue: the name is taken" in rolled_back.value.message
    assert "OldQueue" not in rolled_back.value.message
    assert "OrderTable" not in rolled_back.value.message


class Events(list[dict[str, str]]):
    """The events before the change the first time they are read, those after it from then on."""

    def __init__(self, before: list[dict[str, str]], after: list[dict[str, str]]) -> None:
        super().__init__(before)
        self._after = after

    def __iter__(self) -> Iterator[dict[str, str]]:
        return iter(self._after)


def failure(number: str, resource: str, reason: str) -> dict[str, str]:
    return {
        "EventId": number,
        "LogicalResourceId": resource,
        "ResourceStatus": "UPDATE_FAILED",
        "ResourceStatusReason": reason,
    }


def test_a_change_that_succeeds_raises_nothing() -> None:
    cloudformation = CloudFormation([None, "CREATE_IN_PROGRESS", "CREATE_COMPLETE"])
    stack(cloudformation).apply(Plan("one", ()))
    assert cloudformation.asked == ["execute_change_set"]
