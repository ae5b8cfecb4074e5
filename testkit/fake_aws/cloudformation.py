"""A fake CloudFormation that refuses what AWS's documentation says it refuses; each rule names its page, and quotes it.

A resource is a name with properties; nothing runs in it. What the service does not use is not modelled, and asking for
it fails the test.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from ordersctl.deploy.overlay.intrinsics import broken_rules
from testkit.fake_aws.stack_changes import changes, page, parameters_of, refused, resolved
from testkit.fake_aws.stack_rules import IDENTIFIERS, NAMES, FailureError, Resource, Stack, check_state, import_reason

EVENTS_PER_PAGE = 100
CHANGES_PER_PAGE = 25


@dataclass
class CloudFormation:
    """As boto3's client. `fails(operation, logical id)` decides which step of a change fails."""

    fails: Callable[[str, str], bool] = lambda _operation, _resource: False
    resources: list[Resource] = field(default_factory=list)
    stacks: dict[str, Stack] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)

    # --- asking ------------------------------------------------------------------------------------------------------

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        stack = self._stack("DescribeStacks", StackName)
        parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in stack.parameters.items()]
        return {"Stacks": [{"StackStatus": stack.status, "Parameters": parameters, "Outputs": []}]}

    def describe_stack_events(self, StackName: str, NextToken: str = "0") -> dict[str, Any]:  # noqa: N803
        """API reference, DescribeStackEvents: "in reverse chronological order", by pages."""
        return page("StackEvents", self._stack("DescribeStackEvents", StackName).events, NextToken, EVENTS_PER_PAGE)

    def list_stack_resources(self, StackName: str, NextToken: str = "0") -> dict[str, Any]:  # noqa: N803
        held = [
            {"LogicalResourceId": each, "ResourceStatus": "CREATE_COMPLETE"}
            for each in self._stack("ListStackResources", StackName).held
        ]
        return page("StackResourceSummaries", held, NextToken, EVENTS_PER_PAGE)

    def get_template(self, StackName: str, TemplateStage: str) -> dict[str, Any]:  # noqa: N803
        assert TemplateStage == "Processed"
        template = self._stack("GetTemplate", StackName).template
        if not template:
            raise refused("GetTemplate", f"Stack [{StackName}] has no template")
        return {"TemplateBody": template}

    # --- change sets -------------------------------------------------------------------------------------------------

    def create_change_set(self, **given: Any) -> None:
        name, kind = given["StackName"], given["ChangeSetType"]
        stack = self.stacks.get(name)
        template = json.loads(given["TemplateBody"])
        # CloudFormation guide, "Understand CloudFormation quotas": a template body has at most 51,200 bytes.
        if len(given["TemplateBody"]) > 51_200:
            raise refused("CreateChangeSet", "1 validation error detected: templateBody is too long")
        check_state(name, stack, kind)
        parameters = parameters_of(stack.parameters if stack else {}, template, given["Parameters"])
        if broken := broken_rules(template, parameters):
            # CloudFormation guide, "Rules": "If any of the assertions ... evaluate to false, the rule fails".
            raise refused("CreateChangeSet", f"Template validation error: {broken}")
        reason = ""
        if kind == "IMPORT":
            reason = import_reason(stack or Stack(), template, parameters, given, self.identified)
        if stack is None:
            # API reference, CreateChangeSet: a change set for a stack that does not exist makes one, which is
            # REVIEW_IN_PROGRESS until the change set is executed.
            stack = self.stacks[name] = Stack()
        imports = given.get("ResourcesToImport", [])
        wanted = changes(
            stack.declared, resolved(template, parameters), {each["LogicalResourceId"] for each in imports}
        )
        if not wanted and not reason:
            reason = "The submitted information didn't contain changes."
        stack.change_sets[given["ChangeSetName"]] = {
            "Status": "FAILED" if reason else "CREATE_COMPLETE",
            "StatusReason": reason,
            "kind": kind,
            "template": template,
            "parameters": parameters,
            "changes": wanted,
            "imports": imports,
        }

    def describe_change_set(self, StackName: str, ChangeSetName: str, NextToken: str = "0") -> dict[str, Any]:  # noqa: N803
        found = self._stack("DescribeChangeSet", StackName).change_sets[ChangeSetName]
        several = page("Changes", found["changes"], NextToken, CHANGES_PER_PAGE)
        return {
            **several,
            "ChangeSetName": ChangeSetName,
            "Status": found["Status"],
            "StatusReason": found["StatusReason"],
        }

    def delete_change_set(self, StackName: str, ChangeSetName: str) -> None:  # noqa: N803
        del self._stack("DeleteChangeSet", StackName).change_sets[ChangeSetName]

    def execute_change_set(self, StackName: str, ChangeSetName: str) -> None:  # noqa: N803
        stack = self._stack("ExecuteChangeSet", StackName)
        change = stack.change_sets[ChangeSetName]
        if change["Status"] != "CREATE_COMPLETE":
            # API reference, ExecuteChangeSet, InvalidChangeSetStatus: "The specified change set can't be used".
            raise refused("ExecuteChangeSet", "The change set cannot be executed")
        # API reference, ExecuteChangeSet: "CloudFormation deletes all other change sets associated with the stack".
        stack.change_sets.clear()
        {"CREATE": self._change, "UPDATE": self._change, "IMPORT": self._import}[change["kind"]](
            StackName, stack, change
        )

    # --- whole stacks ------------------------------------------------------------------------------------------------

    def delete_stack(self, StackName: str) -> None:  # noqa: N803
        """CloudFormation guide, "DeletionPolicy": a resource with Retain is kept, others are deleted."""
        stack = self.stacks.get(StackName)
        if stack is None:
            return
        for logical in [*stack.held]:
            try:
                self._release(stack, logical)
            except FailureError:
                # CloudFormation guide, "Stack status codes": DELETE_FAILED, "some stack resources" are left.
                stack.status = "DELETE_FAILED"
                return
        del self.stacks[StackName]

    def continue_update_rollback(self, StackName: str) -> None:  # noqa: N803
        stack = self._stack("ContinueUpdateRollback", StackName)
        if stack.status != "UPDATE_ROLLBACK_FAILED":
            # API reference, ContinueUpdateRollback: "Continues rolling back a stack from UPDATE_ROLLBACK_FAILED".
            raise refused("ContinueUpdateRollback", f"Stack is in {stack.status} state")
        for logical in stack.interrupted:
            self._let_go(stack, logical)
        stack.interrupted, stack.status = [], "UPDATE_ROLLBACK_COMPLETE"

    # --- rules -------------------------------------------------------------------------------------------------------

    def _stack(self, operation: str, name: str) -> Stack:
        if name not in self.stacks:
            raise refused(operation, f"Stack with id {name} does not exist")
        return self.stacks[name]

    def identified(self, kind: str, identifier: str) -> Resource | None:
        """Find a resource by its primary identifier: its name, or for a secret its ARN."""
        return self.find(kind, identifier.removeprefix("arn:secret:"))

    def find(self, kind: str, name: str) -> Resource | None:
        return next((each for each in self.resources if (each.kind, each.name) == (kind, name)), None)

    # --- changing ----------------------------------------------------------------------------------------------------

    def _change(self, name: str, stack: Stack, change: dict[str, Any]) -> None:
        """Create and update; rolled back as a whole when a step fails."""
        wanted = resolved(change["template"], change["parameters"])
        made: list[str] = []
        changed: dict[str, tuple[Any, Any]] = {}
        try:
            for logical, each in wanted.items():
                if logical not in stack.held:
                    self._create(name, stack, logical, each)
                    made.append(logical)
                elif stack.declared[logical] != each["Properties"]:
                    self._step(stack, "UPDATE", logical)
                    changed[logical] = stack.declared[logical], stack.held[logical].properties
                    self._modify(stack, logical, each["Properties"])
        except FailureError:
            self._roll_back(stack, made, changed, change["kind"])
            return
        for logical in stack.held.keys() - wanted.keys():
            self._let_go(stack, logical)
        stack.template, stack.parameters = change["template"], change["parameters"]
        stack.status = f"{change['kind']}_COMPLETE"

    def _modify(self, stack: Stack, logical: str, wanted: dict[str, Any]) -> None:
        """Change what differs from the last template; what was changed beside it stays as it is."""
        before, resource = stack.declared[logical], stack.held[logical]
        differing = {key: value for key, value in wanted.items() if before.get(key) != value}
        kept = {key: value for key, value in resource.properties.items() if key in wanted or key not in before}
        resource.properties = {**kept, **differing}
        stack.declared[logical] = wanted

    def _roll_back(self, stack: Stack, made: list[str], changed: dict[str, tuple[Any, Any]], kind: str) -> None:
        for logical, (declared, actual) in changed.items():
            stack.declared[logical], stack.held[logical].properties = declared, actual
        for index, logical in enumerate(made):
            try:
                # CloudFormation guide, "DeletionPolicy": RetainExceptOnCreate is as Retain, "except for the stack
                # operation that initially creates the resource": so Retain keeps it when its creation is undone.
                self._release(stack, logical)
            except FailureError:
                stack.interrupted = made[index:]
                stack.status = "ROLLBACK_FAILED" if kind == "CREATE" else "UPDATE_ROLLBACK_FAILED"
                return
        # CloudFormation guide, "Stack status codes".
        stack.status = "ROLLBACK_COMPLETE" if kind == "CREATE" else "UPDATE_ROLLBACK_COMPLETE"

    def _import(self, name: str, stack: Stack, change: dict[str, Any]) -> None:
        """CloudFormation guide, "Resource import": what is imported stays as it is, whatever the template says."""
        for each in change["imports"]:
            try:
                self._step(stack, "IMPORT", each["LogicalResourceId"])
            except FailureError:
                stack.status = "IMPORT_ROLLBACK_COMPLETE"
                return
        declared = resolved(change["template"], change["parameters"])
        for each in change["imports"]:
            logical = each["LogicalResourceId"]
            resource = self.identified(each["ResourceType"], *each["ResourceIdentifier"].values())
            assert resource is not None
            resource.stack, stack.held[logical] = name, resource
            stack.declared[logical] = declared[logical]["Properties"]
        stack.template, stack.parameters, stack.status = change["template"], change["parameters"], "IMPORT_COMPLETE"

    def _create(self, name: str, stack: Stack, logical: str, wanted: dict[str, Any]) -> None:
        kind, own = wanted["Type"], wanted["Properties"]
        self._step(stack, "CREATE", logical)
        called = own.get(NAMES.get(kind, ""), f"{name}-{logical}")
        called = called["Fn::Sub"] if isinstance(called, dict) else called
        if self.find(kind, called) is not None:
            self._event(stack, logical, "CREATE_FAILED", f"{called} already exists")
            raise FailureError(logical)
        stack.held[logical] = Resource(kind, called, own, next(self.numbers), name)
        stack.declared[logical] = own
        self.resources.append(stack.held[logical])

    def _release(self, stack: Stack, logical: str) -> None:
        self._step(stack, "DELETE", logical)
        self._let_go(stack, logical)

    def _let_go(self, stack: Stack, logical: str) -> None:
        resource = stack.held.pop(logical)
        del stack.declared[logical]
        resource.stack = None
        if resource.kind not in IDENTIFIERS:  # the two that have DeletionPolicy Retain
            self.resources.remove(resource)

    def _step(self, stack: Stack, operation: str, logical: str) -> None:
        self._event(stack, logical, f"{operation}_IN_PROGRESS")
        if self.fails(operation, logical):
            self._event(stack, logical, f"{operation}_FAILED", "the disk is full")
            raise FailureError(logical)
        self._event(stack, logical, f"{operation}_COMPLETE")

    def _event(self, stack: Stack, logical: str, status: str, reason: str = "") -> None:
        event = {"EventId": str(next(self.numbers)), "LogicalResourceId": logical, "ResourceStatus": status}
        stack.events.insert(0, event | ({"ResourceStatusReason": reason} if reason else {}))
