"""The shift of the API's requests, as the operator sees it and stops it, on a fake of CodeDeploy and Lambda."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import boto3
import click
import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from ordersctl.deploy.release import rollback, shift
from ordersctl.deploy.stack import Plan, Stack
from ordersctl.shared.stage import Stage

MISSING = ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no alias"}}, "GetAlias")


@dataclass(eq=False)
class Account:
    """As boto3's session and all its clients: a stack that is being changed, and the looks of its alias in turn."""

    looks: list[dict[str, float] | None] = field(default_factory=list)
    deployments: list[str] = field(default_factory=list)
    shifts: bool = True
    stopped: list[tuple[str, bool]] = field(default_factory=list)
    status: str = "UPDATE_COMPLETE"  # when nothing is being changed
    moved: dict[str, str] = field(default_factory=dict)

    def client(self, _service: str, **_options: Any) -> Any:
        return self

    @property
    def stage(self) -> Stage:
        return Stage("prod", cast("boto3.Session", self), {})

    def get_alias(self, **_: str) -> dict[str, Any]:
        if not self.looks:
            return {"FunctionVersion": "8"}
        if (weights := self.looks.pop(0)) is None:
            raise MISSING
        return {"FunctionVersion": "7", "RoutingConfig": {"AdditionalVersionWeights": weights}}

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        status = "UPDATE_IN_PROGRESS" if self.looks or self.deployments else self.status
        return {"Stacks": [{"StackStatus": status}]}

    def describe_stack_events(self, **_: str) -> dict[str, Any]:
        return {"StackEvents": []}

    def execute_change_set(self, **_: str) -> None:
        pass

    def get_paginator(self, _name: str) -> "Account":
        return self

    def paginate(self, **_: str) -> Iterator[dict[str, Any]]:
        kinds = ("Application", "DeploymentGroup") if self.shifts else ()
        yield {
            "StackResourceSummaries": [
                {"ResourceType": f"AWS::CodeDeploy::{kind}", "PhysicalResourceId": kind} for kind in kinds
            ],
            "Versions": [{"Version": each, "Environment": {"Variables": {"RELEASE": f"r{each}"}}} for each in "78"],
        }

    def update_alias(self, FunctionName: str, FunctionVersion: str, **_: Any) -> None:  # noqa: N803 - boto3's names
        self.moved[FunctionName] = FunctionVersion

    def list_deployments(self, **asked: Any) -> dict[str, Any]:
        assert (asked["applicationName"], asked["deploymentGroupName"]) == ("Application", "DeploymentGroup")
        return {"deployments": self.deployments}

    def stop_deployment(self, *, deploymentId: str, autoRollbackEnabled: bool) -> None:  # noqa: N803 - boto3's names
        self.stopped.append((deploymentId, autoRollbackEnabled))


def test_a_deployment_says_each_step_of_the_shift_once(capsys: pytest.CaptureFixture[str]) -> None:
    account = Account(looks=[None, {"8": 0.1}, {"8": 0.1}, {"8": 0.2}, {}])
    progress = shift.Progress(account, "orders-prod")
    Stack(account, "orders-prod", pause_seconds=0, watch=progress.report).apply(Plan("one", ()))
    assert capsys.readouterr().err.splitlines() == [
        "10% of the API's requests go to version 8",
        "20% of the API's requests go to version 8",
        "all of the API's requests go to version 7",
    ]


def test_rolling_back_during_a_shift_stops_it_and_lets_codedeploy_go_back(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(deployments=["d-1"])
    monkeypatch.setattr(Stage, "at", lambda *_args, **_options: account.stage)
    done = CliRunner().invoke(rollback.rollback, ["--stage", "prod", "--yes"])
    assert account.stopped == [("d-1", True)]
    assert "all requests go to the release before" in done.output


@pytest.mark.parametrize("shifts", [True, False])
def test_a_change_without_a_shift_cannot_be_stopped_by_us(*, shifts: bool) -> None:
    account = Account(looks=[{}], shifts=shifts)
    command = rollback.rollback.callback
    assert command is not None
    with pytest.raises(click.ClickException, match="no requests are being shifted"):
        command.__wrapped__(stage=account.stage, release=None, yes=True, any_revision=False)  # type: ignore[attr-defined]
    assert account.stopped == []


def test_a_release_is_taken_back_while_cloudformation_still_cleans_up_after_it() -> None:
    """Its requests have gone over, and nothing can be cancelled any more (CloudFormation guide, Stack status)."""
    account = Account(status="UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    command = rollback.rollback.callback
    assert command is not None
    command.__wrapped__(stage=account.stage, release=None, yes=True, any_revision=False)  # type: ignore[attr-defined]
    assert set(account.moved.values()) == {"7"}
    assert "orders-prod" in account.moved
