"""What a change set would do: a template decided for its parameters, compared with what the stack holds."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from ordersctl.deploy.overlay.intrinsics import Evaluation


def refused(operation: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": "ValidationError", "Message": message}}, operation)


def resolved(template: dict[str, Any], parameters: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return the resources of a template that its conditions let be, their parameters filled in."""
    evaluation = Evaluation.of(template, parameters)
    return {
        name: {"Type": each["Type"], "Properties": evaluation.resolved(each.get("Properties", {}))}
        for name, each in template["Resources"].items()
        if "Condition" not in each or evaluation.holds(each["Condition"])
    }


def parameters_of(
    before: Mapping[str, str], template: Mapping[str, Any], given: list[dict[str, Any]]
) -> dict[str, str]:
    """Return the values of a change set's parameters.

    API reference, Parameter: UsePreviousValue takes "the existing parameter value that the stack is using".
    """
    definitions = template.get("Parameters", {})
    values = {name: str(each["Default"]) for name, each in definitions.items() if "Default" in each}
    for each in given:
        name = each["ParameterKey"]
        if name not in definitions:
            raise refused("CreateChangeSet", f"Parameters: [{name}] do not exist in the template")
        values[name] = before[name] if each.get("UsePreviousValue") else each["ParameterValue"]
    if missing := definitions.keys() - values.keys():
        raise refused("CreateChangeSet", f"Parameters: [{', '.join(sorted(missing))}] must have values")
    return values


def changes(
    declared: Mapping[str, Any], wanted: Mapping[str, dict[str, Any]], imported: set[str]
) -> list[dict[str, dict[str, str]]]:
    """Return the changes from what a stack declares to what is wanted, as DescribeChangeSet does."""
    found = []
    for name, each in wanted.items():
        if name not in declared:
            found.append(_change("Import" if name in imported else "Add", name, each["Type"]))
        elif declared[name] != each["Properties"]:
            found.append(_change("Modify", name, each["Type"]))
    return found + [_change("Remove", name, "") for name in declared if name not in wanted]


def _change(action: str, name: str, kind: str) -> dict[str, dict[str, str]]:
    return {"ResourceChange": {"Action": action, "LogicalResourceId": name, "ResourceType": kind}}


def page(key: str, entries: list[Any], token: str, size: int) -> dict[str, Any]:
    """Return a page of a list that begins where `token` says, with the token of the next one."""
    start = int(token)
    more = {"NextToken": str(start + size)} if start + size < len(entries) else {}
    return {key: entries[start : start + size], **more}
