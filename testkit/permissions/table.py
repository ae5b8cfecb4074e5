"""The table of every permission of every role, with what needs it, as docs/explain/permissions.md has it."""

from collections import defaultdict
from collections.abc import Iterable

from ordersctl.shared.templates import Template
from testkit.permissions import judge
from testkit.permissions.calls import RESOURCES, Call
from testkit.permissions.judge import SWITCHES, Permission
from testkit.permissions.page import Row
from testkit.permissions.reasons import GATEWAY
from testkit.permissions.stack import ACCOUNT, REGION, DeployedStack

_HEAD = ["| function | permission | resource | with the setting | needed by |", "|---|---|---|---|---|"]
_CALLS = "its calls"


def rows(template: Template, calls: Iterable[Call]) -> list[str]:
    """Return the lines of the table for a translated template and the calls that were recorded."""
    stacks = list(judge.condition_sets(template))
    found: dict[Row, list[DeployedStack]] = defaultdict(list)
    needs: dict[Row, set[str]] = defaultdict(set)
    for stack in stacks:
        possible = judge.possible(stack, calls)
        for permission in judge.permissions(stack):
            row = Row(permission.function, permission.action, _shown(stack, permission))
            found[row].append(stack)
            if judge.missed_by(permission, stack, possible):
                needs[row].add(_CALLS)
            elif reason := judge.reason_for(stack, permission):
                needs[row].add(f"[{reason.why}]({reason.page})")
    order = {name: number for number, name in enumerate(judge.ROLES)}
    lines = [
        f"| {row.function} | `{row.action}` | `{row.resource}` | {_setting(row, having, stacks)} "
        f"| {'; '.join(sorted(needs[row], reverse=True))} |"
        for row, having in found.items()
    ]
    return _HEAD + sorted(lines, key=lambda line: (order[line.split(" | ")[0].removeprefix("| ")], line))


def _shown(stack: DeployedStack, permission: Permission) -> str:
    """A resource by its name in the template, or else by the part of its ARN that follows the account."""
    for name in RESOURCES.values():
        is_there = name not in ("EventBusName", "DaxEndpoint") or stack.given[name]
        if name == "PriceTable" and stack.given["CustomerPrices"] == "trusted":
            continue
        if is_there and permission.resource.startswith(stack.arn(name)):
            rest = permission.resource.removeprefix(stack.arn(name))
            if not rest or rest.startswith("/"):
                return name + rest
    short = permission.resource.rpartition(f":{REGION}:{ACCOUNT}:")[2]
    return "Encryption" if short == judge.KEY.rpartition(":")[2] else short.replace("-prod", "-<stage>")


def _setting(row: Row, having: list[DeployedStack], stacks: list[DeployedStack]) -> str:
    """The setting with which a role has a permission; "" where it always has."""
    names = ["`DirectAccept`"] if row.function == GATEWAY else []
    if len(having) != len(stacks):
        values = {name: {stack.given[name] for stack in having} for name in SWITCHES}
        names += [f"`{name}`" for name, seen in values.items() if seen == {SWITCHES[name][1]}]
    return ", ".join(names)
