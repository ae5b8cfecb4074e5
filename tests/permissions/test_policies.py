"""Every function may make its calls, and nothing else: the translated template's policies against recorded calls."""

import copy
import json
from typing import Any

import pytest

from ordersctl.deploy.chalice_config import POLICIES, filled_in
from ordersctl.shared.templates import Template
from testkit.permissions import judge, page, table
from testkit.permissions.calls import RESOURCES, Call
from testkit.permissions.reasons import EVERYONE, REASONS
from testkit.permissions.stack import DeployedStack

POLICY_FILES = {
    "APIHandler": "api_handler.json",
    "Authorizer": "authorizer.json",
    "ProcessOrders": "process-orders.json",
    "PublishEvents": "publish-events.json",
}


def policy(template: Template, role: str) -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = template["Resources"][role]["Properties"]["Policies"][0]["PolicyDocument"][
        "Statement"
    ]
    return statements


def test_every_recorded_call_is_allowed_under_all_settings(template: Template, recorded: set[Call]) -> None:
    assert judge.denied(template, recorded) == set()


def test_a_call_misses_every_permission_that_aws_does_not_need_itself(template: Template, recorded: set[Call]) -> None:
    assert judge.unneeded(template, recorded) == set()


def test_a_missing_permission_is_noticed(template: Template, recorded: set[Call]) -> None:
    changed = copy.deepcopy(template)
    policy(changed, "ProcessOrdersRole")[:] = [
        each for each in policy(changed, "ProcessOrdersRole") if each.get("Sid") != "StoreOrders"
    ]
    assert judge.denied(changed, recorded) == {"ProcessOrders may not call dynamodb:PutItem on OrderTable"}


def test_a_permission_that_nothing_needs_is_noticed(template: Template, recorded: set[Call]) -> None:
    changed = copy.deepcopy(template)
    (taking,) = (each for each in policy(changed, "ProcessOrdersRole") if each.get("Sid") == "TakeOrders")
    taking["Action"].append("sqs:PurgeQueue")
    (found,) = judge.unneeded(changed, recorded)
    assert found.startswith("ProcessOrders needs no sqs:PurgeQueue")


def test_every_reason_explains_a_permission(template: Template) -> None:
    stacks = list(judge.condition_sets(template))
    explained = {
        (reason, action)
        for stack in stacks
        for permission in judge.permissions(stack)
        for action in [permission.action]
        if (reason := judge.reason_for(stack, permission))
    }
    assert explained >= {(reason, action) for reason in REASONS for action in reason.actions}


def test_each_combination_of_the_conditions_in_policies_is_judged(template: Template) -> None:
    roles = {
        name: each["Properties"] for name, each in template["Resources"].items() if each["Type"] == "AWS::IAM::Role"
    }
    assert len(roles) == len(judge.ROLES)
    conditions = sorted(judge.conditions_of(roles))
    seen = {tuple(stack.condition(name) for name in conditions) for stack in judge.condition_sets(template)}
    assert len(seen) == 2 ** len(conditions)


@pytest.mark.parametrize("function", EVERYONE)
def test_a_function_is_told_the_resources_that_its_role_names(template: Template, function: str) -> None:
    checked = {"CustomerPrices": "checked"}
    variables = template["Resources"][function]["Properties"]["Environment"]["Variables"]
    referred = {name: str(variables[name]) for name in RESOURCES}
    assert all(f"'{logical}'" in referred[name] for name, logical in RESOURCES.items()), referred
    assert DeployedStack(template, {"Stage": "prod", **checked}).environment(function)["PRICE_TABLE"]


@pytest.mark.parametrize("function", EVERYONE)
def test_plain_chalice_deploy_gives_a_function_the_same_policy(template: Template, function: str) -> None:
    policy_file = json.loads((POLICIES / POLICY_FILES[function]).read_text())
    for stack in judge.condition_sets(template):
        environment = stack.environment(function)
        outputs = {
            "OrderStreamArn": stack.arn("OrderTable/stream/1"),
            "OrderQueueUrl": environment["ORDER_QUEUE_URL"],
            "OrderDeadLetterQueueUrl": environment["ORDER_DEAD_LETTER_QUEUE_URL"],
            "EventDeadLetterQueueUrl": environment["EVENT_DEAD_LETTER_QUEUE_URL"],
            "EventTopicArn": environment["EVENT_TOPIC_ARN"],
            "IdSecretArn": environment["ID_SECRET_ARN"],
        }
        assert filled_in(policy_file, "prod", outputs, stack.given)["Statement"] == stack.statements(function)


def test_the_page_has_the_table(template: Template, recorded: set[Call]) -> None:
    rows = table.rows(template, recorded)
    assert page.table_of().splitlines() == rows, "run: make permissions"
