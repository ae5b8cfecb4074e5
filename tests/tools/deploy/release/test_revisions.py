"""A rollback with direct acceptance: the API's template writes messages, and does not go back with functions."""

from typing import Any, cast

import boto3
import click
import pytest

from chalicelib.domain import commands
from ordersctl.deploy.release import rollback
from ordersctl.shared.stage import Stage
from tests.tools.deploy.template_parts import Template, of_type

PROCESSOR = "orders-prod-process-orders"


class Account:
    """As boto3's session and its clients: release r7 and, live, r8, whose processors read revisions; None: unknown."""

    def __init__(self, r7: str | None, r8: str | None, direct_accept: str | None) -> None:
        self.reads = {"7": r7, "8": r8, "$LATEST": r8}
        self.parameters = {} if direct_accept is None else {"DirectAccept": direct_accept}
        self.moved: list[str] = []

    def client(self, _service: str, **_options: Any) -> Any:
        return self

    @property
    def stage(self) -> Stage:
        return Stage("prod", cast("boto3.Session", self), {})

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        given = [{"ParameterKey": key, "ParameterValue": value} for key, value in self.parameters.items()]
        return {"Stacks": [{"StackStatus": "UPDATE_COMPLETE", "Parameters": given}]}

    def get_alias(self, **_: str) -> dict[str, Any]:
        return {"FunctionVersion": "8"}

    def get_paginator(self, _name: str) -> "Account":
        return self

    def paginate(self, FunctionName: str) -> list[dict[str, Any]]:  # noqa: N803 - boto3's names
        return [{"Versions": [self.get_function_configuration(FunctionName, each) for each in ("7", "8")]}]

    def get_function_configuration(self, FunctionName: str, Qualifier: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        variables = {"RELEASE": "r7" if Qualifier == "7" else "r8"}
        if FunctionName == PROCESSOR and (reads := self.reads[Qualifier]) is not None:
            variables["COMMAND_REVISION"] = reads
        return {"Version": Qualifier, "Environment": {"Variables": variables}}

    def update_alias(self, FunctionName: str, FunctionVersion: str, **_: Any) -> None:  # noqa: N803 - boto3's names
        self.moved.append(f"{FunctionName}:{FunctionVersion}")


def go_back(account: Account, *, any_revision: bool = False) -> None:
    command = rollback.rollback.callback
    assert command is not None
    command.__wrapped__(stage=account.stage, release=None, yes=True, any_revision=any_revision)  # type: ignore[attr-defined]


def test_a_release_that_cannot_read_what_the_api_writes_is_not_gone_back_to() -> None:
    account = Account("2", "10", "true")
    for any_revision in (False, True):
        with pytest.raises(click.ClickException) as refusal:
            go_back(account, any_revision=any_revision)
        assert account.moved == []
    assert "messages of revision 10, and release r7 reads no revision above 2" in refusal.value.message
    assert "Set DirectAccept to false in infra/stages/prod.json and deploy" in refusal.value.message


@pytest.mark.parametrize(("r7", "r8"), [(None, "2"), ("2", None), (None, None)])
def test_where_a_release_does_not_say_what_it_reads_the_operator_has_to(r7: str | None, r8: str | None) -> None:
    account = Account(r7, r8, "true")
    with pytest.raises(click.ClickException, match=r"was packaged before that was recorded.*--any-revision") as refusal:
        go_back(account)
    assert "Set DirectAccept to false in infra/stages/prod.json and deploy" in refusal.value.message
    assert account.moved == []
    go_back(account, any_revision=True)
    assert f"{PROCESSOR}:7" in account.moved


@pytest.mark.parametrize(
    ("r7", "direct_accept"),
    [("3", "true"), ("4", "true"), ("2", "false"), (None, "false"), ("2", None)],  # None: a stack without the setting
)
def test_any_other_rollback_goes_on(r7: str | None, direct_accept: str | None) -> None:
    account = Account(r7, "3", direct_accept)
    go_back(account)
    assert f"{PROCESSOR}:7" in account.moved


def test_the_processor_says_which_revision_its_release_reads(template: Template) -> None:
    (processor,) = [
        each for name, each in of_type(template, "AWS::Lambda::Function").items() if name == "ProcessOrders"
    ]
    assert processor["Environment"]["Variables"]["COMMAND_REVISION"] == str(commands.REVISION)
