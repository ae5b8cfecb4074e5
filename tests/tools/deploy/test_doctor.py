"""`ordersctl doctor`: the account before anything is deployed, and the API as it is live."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError

from ordersctl.deploy.doctor.account import account
from ordersctl.deploy.doctor.checks import examine
from ordersctl.deploy.doctor.findings import Finding
from ordersctl.deploy.doctor.live_api import live_api
from ordersctl.deploy.overlay.api_version import definition
from ordersctl.shared.stage import Stage
from tests.tools.deploy.gateway.velocity import resolved
from tests.tools.deploy.template_parts import Template

POOL = "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_a"
SETTINGS: list[dict[str, str]] = [
    {},
    {"DirectAccept": "true"},
    {"ApiKeys": "true"},
    {"CognitoUserPoolArn": POOL},
    {"DirectAccept": "true", "CustomerClaim": "customer"},
]


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "Call")


@dataclass(eq=False)
class Account:
    """As boto3's session and all its clients: an account with a packaged stage, or with nothing."""

    executions: int = 1_000
    roles: set[str] = field(default_factory=set)
    log_role: str | None = None
    live: dict[str, Any] = field(default_factory=dict)  # the definition that the stage shows
    shown: str = "d1"
    region_name: str = "eu-west-1"

    def client(self, _service: str, **_options: Any) -> Any:
        return self

    @property
    def stage(self) -> Stage:
        return Stage("prod", cast("boto3.Session", self), {})

    def get_account_settings(self) -> dict[str, Any]:
        return {"AccountLimit": {"ConcurrentExecutions": self.executions}}

    def get_role(self, RoleName: str) -> None:  # noqa: N803 - boto3's names
        if RoleName not in self.roles:
            raise refused("NoSuchEntity")

    def get_account(self) -> dict[str, Any]:
        return {} if self.log_role is None else {"cloudwatchRoleArn": self.log_role}

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        if not self.live:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": "it does not exist"}}, "DescribeStacks")
        return {"Stacks": [{"Outputs": [{"OutputKey": "RestAPIId", "OutputValue": "a1"}]}]}

    def get_paginator(self, _operation: str) -> "Account":
        return self

    def paginate(self, **_: str) -> Iterator[dict[str, Any]]:
        found = {"ResourceType": "AWS::ApiGateway::Deployment", "PhysicalResourceId": "d1"}
        yield {"StackResourceSummaries": [found]}

    def get_stage(self, **_: str) -> dict[str, Any]:
        return {"deploymentId": self.shown}

    def get_export(self, **_: Any) -> dict[str, Any]:
        return {"body": io.BytesIO(json.dumps(self.live).encode())}


@dataclass(eq=False)
class Alarms(Account):
    """An account with alarms; CloudWatch finds those whose names begin as asked."""

    names: tuple[str, ...] = ()

    def paginate(self, **given: str) -> Iterator[dict[str, Any]]:
        found = [name for name in self.names if name.startswith(given["AlarmNamePrefix"])]
        yield {"MetricAlarms": [{"AlarmName": name, "StateValue": "ALARM"} for name in found]}


def exported(packaged: Template, settings: dict[str, str]) -> dict[str, Any]:
    """The definition as API Gateway has it: CloudFormation has joined what stands in parts."""
    found: dict[str, Any] = resolved(definition(packaged, settings), {}, {})
    return found


def ill(findings: Iterator[Finding]) -> list[str]:
    return [each.what for each in findings if not each.fine]


def test_an_alarm_of_a_stage_with_a_longer_name_is_not_this_stage_s() -> None:
    names = ("orders-prod-LatencyAlarm-1A2B3C", "orders-prod-eu-LatencyAlarm-4D5E6F")
    assert [each["AlarmName"] for each in Alarms(names=names).stage.alarms()] == [names[0]]


def test_a_small_account_is_named() -> None:
    (said,) = ill(account(Account(executions=10).stage, {}))
    assert said.startswith("the account's 10 concurrent executions are more than OrderMaximumConcurrency")
    assert ill(account(Account(executions=10).stage, {"OrderMaximumConcurrency": "5"})) == []


@pytest.mark.parametrize(
    ("setting", "role"),
    [
        ({"ReplicaRegion": "eu-west-2"}, "AWSServiceRoleForDynamoDBReplication"),
        ({"BillingMode": "PROVISIONED"}, "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable"),
    ],
)
def test_a_missing_service_linked_role_is_named(setting: dict[str, str], role: str) -> None:
    assert ill(account(Account().stage, setting)) == [f"the account has no service-linked role {role}"]
    assert ill(account(Account(roles={role}).stage, setting)) == []


def test_access_logs_need_the_accounts_logging_role() -> None:
    assert ill(account(Account().stage, {"AccessLogs": "true"})) == ["API Gateway may write logs"]
    assert ill(account(Account(log_role="arn").stage, {"AccessLogs": "true"})) == []


def test_before_the_first_deployment_the_account_is_judged() -> None:
    findings = [*examine(Account().stage)]
    assert ill(iter(findings)) == ["there is no stack orders-prod"]
    assert any("concurrent executions" in each.what for each in findings)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_an_api_that_shows_its_settings_is_fine(settings: dict[str, str], packaged: Template) -> None:
    found = Account(live=exported(packaged, settings))
    assert ill(live_api(found.stage, settings, "deploy")) == []


@pytest.mark.parametrize("settings", SETTINGS[1:], ids=str)
def test_settings_that_are_not_live_are_named(settings: dict[str, str], packaged: Template) -> None:
    found = Account(live=exported(packaged, {}))
    (said,) = ill(live_api(found.stage, settings, "deploy"))
    assert said == f"settings that are not live in the API: {next(iter(settings))}"
    back = Account(live=exported(packaged, settings))
    (said,) = ill(live_api(back.stage, {}, "deploy"))
    assert next(iter(settings)) in said


def test_a_claim_that_is_not_live_is_named(packaged: Template) -> None:
    found = Account(live=exported(packaged, {"DirectAccept": "true"}))
    wanted = {"DirectAccept": "true", "CustomerClaim": "customer"}
    assert ill(live_api(found.stage, wanted, "deploy")) == ["settings that are not live in the API: CustomerClaim"]


def test_a_stage_that_shows_another_deployment_is_named(packaged: Template) -> None:
    found = Account(live=exported(packaged, {}), shown="d0")
    assert ill(live_api(found.stage, {}, "deploy")) == ["the API's stage shows the stack's deployment"]
