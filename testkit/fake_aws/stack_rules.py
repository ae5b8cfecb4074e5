"""What CloudFormation refuses, each rule with its page; and what it knows of a stack."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from testkit.fake_aws.stack_changes import changes, refused, resolved

# Resource type -> the property that names it. Two of a type and a name cannot exist: CloudFormation guide, "Name type".
NAMES = {
    "AWS::DynamoDB::GlobalTable": "TableName",
    "AWS::SecretsManager::Secret": "Name",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
}
# "Primary identifiers" of the resource types' schemas, which ResourceIdentifier takes: API reference, ResourceToImport.
IDENTIFIERS = {"AWS::DynamoDB::GlobalTable": "TableName", "AWS::SecretsManager::Secret": "Id"}
# RollbackStack, API reference: "A last known stable state includes any status in a *_COMPLETE", of which these five.
STABLE = {
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
}


class FailureError(Exception):
    """A resource that could not be made, changed or deleted."""


@dataclass
class Resource:
    """Something that exists in the account; `number` tells it from another that had its name before."""

    kind: str
    name: str
    properties: Any
    number: int
    stack: str | None


@dataclass
class Stack:
    status: str = "REVIEW_IN_PROGRESS"
    template: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    held: dict[str, Resource] = field(default_factory=dict)  # by id in the template
    declared: dict[str, Any] = field(default_factory=dict)  # their properties as the template has them
    events: list[dict[str, str]] = field(default_factory=list)  # newest first
    change_sets: dict[str, dict[str, Any]] = field(default_factory=dict)
    interrupted: list[str] = field(default_factory=list)  # what a failed rollback has still to remove


def check_state(name: str, stack: Stack | None, kind: str) -> None:
    status = stack.status if stack else None
    if kind == "CREATE" and status not in (None, "REVIEW_IN_PROGRESS"):
        raise refused("CreateChangeSet", f"Stack [{name}] already exists and cannot be created again")
    if kind == "UPDATE" and status is None:
        raise refused("CreateChangeSet", f"Stack [{name}] does not exist")
    # CloudFormation guide, "Stack status codes": ROLLBACK_COMPLETE, "The only operation that can be performed is
    # delete". "Update rollback failed": such a stack has to be continued first.
    changeable = STABLE if kind == "UPDATE" else STABLE | {None, "REVIEW_IN_PROGRESS"}
    if kind != "CREATE" and status not in changeable:
        raise refused("CreateChangeSet", f"Stack:{name} is in {status} state and can not be updated.")


def import_reason(
    stack: Stack,
    template: dict[str, Any],
    parameters: dict[str, str],
    given: dict[str, Any],
    identified: Callable[[str, str], Resource | None],
) -> str:
    """CloudFormation guide, "Import AWS resources into a CloudFormation stack with a resource import"."""
    # "A template that describes the entire stack, including both the original stack resources and the resources
    # you're importing"; and the message that AWS answers when the template changes anything else of the stack:
    if template.get("Outputs", {}) != stack.template.get("Outputs", {}):
        raise refused("CreateChangeSet", "As part of the import operation, you cannot modify or add [Outputs]")
    if given.get("Tags"):
        raise refused("CreateChangeSet", "As part of the import operation, you cannot modify or add [Tags]")
    imported = {each["LogicalResourceId"]: each for each in given["ResourcesToImport"]}
    found = changes(stack.declared, resolved(template, parameters), set(imported))
    if {each["ResourceChange"]["Action"] for each in found} != {"Import"}:
        raise refused("CreateChangeSet", "You have modified resources in your template that are not being imported")
    for logical, each in imported.items():
        # "Each resource to import must have a DeletionPolicy attribute."
        if "DeletionPolicy" not in template["Resources"][logical]:
            raise refused("CreateChangeSet", f"{logical}: resources to import must have a DeletionPolicy attribute")
        if list(each["ResourceIdentifier"]) != [IDENTIFIERS[each["ResourceType"]]]:
            raise refused("CreateChangeSet", f"{logical}: invalid resource identifiers")
        resource = identified(each["ResourceType"], *each["ResourceIdentifier"].values())
        # "The resource to import exists."
        if resource is None:
            return f"{logical}: the resource does not exist"
        # "The resource to import does not belong to another stack in the same Region."
        if resource.stack is not None:
            return f"{logical} already exists in stack {resource.stack}"
    return ""
