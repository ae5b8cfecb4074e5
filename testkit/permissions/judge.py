"""Whether roles allow the recorded calls, and whether each permission is needed. Policies are evaluated by moto."""

import functools
import itertools
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from moto.iam.access_control import IAMPolicyStatement, PermissionResult

from ordersctl.shared.templates import Template
from testkit.permissions.calls import OPTIONAL, Call
from testkit.permissions.reasons import EVERYONE, GATEWAY, REASONS, Reason
from testkit.permissions.stack import ACCOUNT, REGION, DeployedStack

ROLES = (*EVERYONE, GATEWAY)
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f"
# Each parameter that a condition in a policy reads, with a value for which the condition does not hold and one for
# which it does.
SWITCHES = {
    "EventBusName": ("", "shop"),
    "DaxEndpoint": ("", "daxs://orders.x1y2z3.dax-clusters.eu-west-1.amazonaws.com"),
    "Encryption": ("aws-managed", KEY),
    "Tracing": ("false", "true"),
    "CustomerPrices": ("trusted", "checked"),
}
_REQUIRED = {"Stage": "prod", "JwtIssuer": "https://i.invalid", "JwtAudience": "orders", "JwtJwks": "https://i.invalid"}


class Permission(NamedTuple):
    function: str
    action: str
    resource: str  # as the policy has it: an ARN, or a pattern of ARNs


def condition_sets(template: Template) -> Iterator[DeployedStack]:
    """Yield the stack for every combination of the settings that a policy depends on."""
    for values in itertools.product(*SWITCHES.values()):
        yield DeployedStack(template, {**_REQUIRED, **dict(zip(SWITCHES, values, strict=True))})


def conditions_of(value: Any) -> set[str]:
    """Return the names of the conditions that a part of a template depends on."""
    match value:
        case {"Fn::If": [name, *rest]}:
            return {name} | conditions_of(rest)
        case dict():
            return set().union(*map(conditions_of, value.values()))
        case list():
            return set().union(*map(conditions_of, value))
    return set()


def permissions(stack: DeployedStack) -> list[Permission]:
    """Return each single permission of each role: one action on one resource."""
    found: list[Permission] = []
    for function in ROLES:
        for statement in stack.statements(function):
            assert statement["Effect"] == "Allow"
            assert "Condition" not in statement
            pairs = itertools.product(_as_list(statement["Action"]), _as_list(statement["Resource"]))
            found += [Permission(function, action, resource) for action, resource in pairs]
    return found


def allows(granted: Iterable[Permission], stack: DeployedStack, call: Call) -> bool:
    arn = stack.arn(call.resource)
    return any(_matches(each, call.action, arn) for each in granted if each.function == call.function)


@functools.cache
def _matches(permission: Permission, action: str, arn: str) -> bool:
    statement = {"Effect": "Allow", "Action": permission.action, "Resource": permission.resource}
    return IAMPolicyStatement(statement).is_action_permitted(action, arn) == PermissionResult.PERMITTED


def possible(stack: DeployedStack, calls: Iterable[Call]) -> list[Call]:
    """Return the calls that functions of this stack make: those recorded with the same optional settings."""
    environment = stack.environment("APIHandler")
    settings = frozenset(variable for variable in OPTIONAL if environment.get(variable))
    return [call for call in calls if call.settings == settings]


def reason_for(stack: DeployedStack, permission: Permission) -> Reason | None:
    """Return why a function has a permission that no recorded call needs; None if there is no reason."""
    service = permission.resource if permission.resource == "*" else permission.resource.split(":")[2]
    for reason in REASONS:
        if reason.with_setting and not stack.condition(reason.with_setting):
            continue
        named = permission.function in reason.functions and permission.action in reason.actions
        if named and service == reason.resource:
            return reason
    return None


def missed_by(permission: Permission, stack: DeployedStack, calls: Iterable[Call]) -> list[Call]:
    """Return the calls that a function could not make any more without one of its permissions."""
    others = [each for each in permissions(stack) if each != permission]
    own = [call for call in calls if call.function == permission.function]
    return [call for call in own if not allows(others, stack, call)]


def denied(template: Template, calls: Iterable[Call]) -> set[str]:
    """Return a sentence for each recorded call that a role does not allow, under any of the condition sets."""
    found: set[str] = set()
    for stack in condition_sets(template):
        granted = permissions(stack)
        refused = [call for call in possible(stack, calls) if not allows(granted, stack, call)]
        found |= {f"{call.function} may not call {call.action} on {call.resource}" for call in refused}
    return found


def unneeded(template: Template, calls: Iterable[Call]) -> set[str]:
    """Return a sentence for each permission that no call misses and that has no reason, under any condition set."""
    found: set[str] = set()
    for stack in condition_sets(template):
        own = possible(stack, calls)
        for permission in permissions(stack):
            if not missed_by(permission, stack, own) and not reason_for(stack, permission):
                found.add(f"{permission.function} needs no {permission.action} on {permission.resource}")
    return found


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
