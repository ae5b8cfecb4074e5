"""A stage's stack, changed by change sets: shown before they are executed, rolled back when they fail."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click
from botocore.exceptions import ClientError

from ordersctl.shared.output import Console, Table, say
from ordersctl.shared.stage import Stage

MAX_TEMPLATE_BYTES = 51_200  # of a TemplateBody: CloudFormation guide, "Quotas"
_PAUSE_SECONDS = 2.0
# SQS API reference, CreateQueue, QueueDeletedRecently: "You must wait 60 seconds after deleting a queue before you can
# create another queue with the same name."
_QUEUE_NAME_SECONDS = 60.0
_SUCCEEDED = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"}
_DONE = _SUCCEEDED | {"UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"}
# A stack whose creation failed can only be deleted; what outlives it is imported again: ordersctl/deploy/retained.
_CREATION_FAILED = {"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"}
_NOTHING = ("didn't contain changes", "No updates are to be performed", "no changes")


def deployed_whole(outputs: Mapping[str, str]) -> bool:
    """Whether a stack with these outputs holds functions and API too: only a packaged template has one of these."""
    return "RestAPIId" in outputs or "HttpApiId" in outputs


@dataclass(frozen=True)
class Change:
    action: str  # Add, Modify, Remove, Import
    resource: str
    kind: str
    replaced: bool


@dataclass(frozen=True)
class Plan:
    change_set: str
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Stack:
    """A stack by name; `client` is boto3's for CloudFormation."""

    client: Any
    name: str
    pause_seconds: float = _PAUSE_SECONDS
    queue_name_seconds: float = _QUEUE_NAME_SECONDS
    watch: Callable[[], None] = lambda: None  # called again and again while the stack changes

    def describe(self) -> dict[str, Any] | None:
        """Return the stack as DescribeStacks describes it; None when there is no such stack."""
        try:
            answer: dict[str, Any] = self.client.describe_stacks(StackName=self.name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        return answer

    def outputs(self) -> dict[str, str]:
        """Return the stack's outputs; ClickException when there is no stack."""
        stack = self.describe()
        if stack is None:
            raise click.ClickException(f"there is no stack {self.name}")
        return _outputs(stack)

    def parameters(self) -> dict[str, str]:
        """Return the values of the stack's parameters; none when there is no stack."""
        given = (self.describe() or {}).get("Parameters", [])
        return {each["ParameterKey"]: each["ParameterValue"] for each in given}

    @property
    def is_whole(self) -> bool:
        """Whether functions and API are in the stack, as `ordersctl deploy` makes it."""
        return deployed_whole(_outputs(self.describe() or {}))

    @property
    def is_half_made(self) -> bool:
        """Whether a failed attempt left functions that belong to the stack, though its outputs do not say so."""
        return (self.describe() or {}).get("StackStatus") in _CREATION_FAILED | {"UPDATE_ROLLBACK_FAILED"}

    @property
    def is_changing(self) -> bool:
        """Whether a deployment or a rollback is in progress; the clean-up after it does not count."""
        status = str((self.describe() or {}).get("StackStatus", ""))
        return status.endswith("_IN_PROGRESS") and not status.endswith("_COMPLETE_CLEANUP_IN_PROGRESS")

    def plan(self, template: Mapping[str, str], parameters: Mapping[str, str], tags: Mapping[str, str]) -> Plan | None:
        """Make a change set; None when nothing would change. `template` is TemplateBody or TemplateURL."""
        return self._plan(
            "UPDATE" if self.prepare() else "CREATE",
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            **template,
        )

    def plan_import(
        self, body: str, parameters: Sequence[Mapping[str, Any]], resources: Sequence[Mapping[str, Any]]
    ) -> Plan | None:
        """Make a change set that imports resources, as ResourcesToImport has them; without a stack it makes one."""
        return self._plan("IMPORT", TemplateBody=body, Parameters=parameters, ResourcesToImport=resources)

    def _plan(self, kind: str, **given: Any) -> Plan | None:
        name = f"orders-{time.time_ns()}"
        self.client.create_change_set(StackName=self.name, ChangeSetName=name, ChangeSetType=kind, **given)
        found = self._change_set(name)
        if found["Status"] == "FAILED":
            self.client.delete_change_set(StackName=self.name, ChangeSetName=name)
            if any(words in found.get("StatusReason", "") for words in _NOTHING):
                return None
            raise click.ClickException(f"CloudFormation refuses the change: {found.get('StatusReason')}")
        return Plan(name, tuple(self._changes(found)))

    def resource_ids(self) -> set[str]:
        """Return the ids in the template of the resources that the stack holds."""
        pages = self._pages(self.client.list_stack_resources)
        resources = [each for page in pages for each in page["StackResourceSummaries"]]
        return {each["LogicalResourceId"] for each in resources if each["ResourceStatus"] != "DELETE_COMPLETE"}

    def versions(self) -> set[str]:
        """Return the ARNs of the functions' versions that the stack holds; none when there is no stack."""
        pages = self._pages(self.client.list_stack_resources) if self.describe() else []
        resources = [each for page in pages for each in page["StackResourceSummaries"]]
        return {
            each["PhysicalResourceId"]
            for each in resources
            if each["ResourceType"] == "AWS::Lambda::Version" and "PhysicalResourceId" in each
        }

    def template(self) -> dict[str, Any]:
        """Return the stack's template as it is, transforms applied."""
        found: dict[str, Any] = self.client.get_template(StackName=self.name, TemplateStage="Processed")
        return dict(found["TemplateBody"])

    def apply(self, plan: Plan) -> None:
        """Execute the change set and wait; ClickException with CloudFormation's reasons when it was rolled back."""
        started = self._last_event()
        self.client.execute_change_set(StackName=self.name, ChangeSetName=plan.change_set)
        status = self._settled()
        if status not in _SUCCEEDED:
            reasons = "\n  ".join(self._failures(since=started))
            raise click.ClickException(f"{self.name} is {status}; nothing was changed. What failed:\n  {reasons}")

    def abandon(self, plan: Plan) -> None:
        """Delete a change set that will not be executed."""
        self.client.delete_change_set(StackName=self.name, ChangeSetName=plan.change_set)

    def prepare(self) -> bool:
        """Bring the stack into a state that can be changed, and return whether there is a stack to update."""
        stack = self.describe()
        status = stack["StackStatus"] if stack else None
        if status in (None, "REVIEW_IN_PROGRESS"):
            return False
        if str(status).endswith("_IN_PROGRESS"):
            raise click.ClickException(f"{self.name} is {status}: wait until it has ended")
        if status in _CREATION_FAILED or (status == "IMPORT_ROLLBACK_COMPLETE" and not self.resource_ids()):
            self._delete()
            return False
        if status == "UPDATE_ROLLBACK_FAILED":
            self.client.continue_update_rollback(StackName=self.name)
            status = self._settled()
        if status not in _DONE:
            raise click.ClickException(f"{self.name} is {status}, a state that only an administrator can resolve")
        return True

    def _delete(self) -> None:
        self.client.delete_stack(StackName=self.name)
        if (left := self._settled()) is not None:
            reasons = "\n  ".join(self._failures(since=None))
            raise click.ClickException(f"{self.name} is {left} and cannot be deleted. What failed:\n  {reasons}")
        say(f"{self.name}: what was left of it is deleted; SQS gives its queues' names again after a minute", err=True)
        time.sleep(self.queue_name_seconds)  # SQS does not say when a name can be used again

    def _settled(self) -> str | None:
        """Wait until nothing is in progress, and return the stack's status; None when it is gone."""
        while True:
            stack = self.describe()
            if stack is None or stack["StackStatus"] == "DELETE_COMPLETE":
                return None
            if not stack["StackStatus"].endswith("_IN_PROGRESS"):
                return str(stack["StackStatus"])
            self.watch()
            time.sleep(self.pause_seconds)

    def _change_set(self, name: str) -> dict[str, Any]:
        while True:
            found: dict[str, Any] = self.client.describe_change_set(StackName=self.name, ChangeSetName=name)
            if found["Status"] not in {"CREATE_PENDING", "CREATE_IN_PROGRESS"}:
                return found
            time.sleep(self.pause_seconds)

    def _changes(self, page: dict[str, Any]) -> list[Change]:
        changes = [
            Change(
                action=each["Action"],
                resource=each["LogicalResourceId"],
                kind=each["ResourceType"],
                replaced=each.get("Replacement", "False") != "False",
            )
            for each in (change["ResourceChange"] for change in page.get("Changes", []))
        ]
        if "NextToken" in page:
            following = self.client.describe_change_set(
                StackName=self.name, ChangeSetName=page["ChangeSetName"], NextToken=page["NextToken"]
            )
            return changes + self._changes(following)
        return changes

    def _last_event(self) -> str | None:
        if self.describe() is None:
            return None
        events = self.client.describe_stack_events(StackName=self.name)["StackEvents"]
        return events[0]["EventId"] if events else None

    def _failures(self, since: str | None) -> list[str]:
        """Return the reasons of failures after an event, the first of them first."""
        failures = []
        for event in self._events():
            if event["EventId"] == since:
                break
            if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in event.get("ResourceStatusReason", ""):
                failures.append(f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}")
        return failures[::-1] or ["no reason was given"]

    def _events(self) -> Iterator[dict[str, Any]]:
        """Yield the stack's events, newest first; a page holds about a hundred, and a failure may be far behind."""
        for page in self._pages(self.client.describe_stack_events):
            yield from page["StackEvents"]

    def _pages(self, call: Any) -> Iterator[dict[str, Any]]:
        page: dict[str, Any] = call(StackName=self.name)
        yield page
        while "NextToken" in page:
            page = call(StackName=self.name, NextToken=page["NextToken"])
            yield page


def carry_out(stage: Stage, stack: Stack, plan: Plan | None, *, yes: bool) -> None:
    """Show a plan, ask unless `yes`, and apply it. Aborts, and deletes the change set, when the answer is no."""
    if plan is None:
        say(f"{stack.name}: nothing to change", err=True)
        return
    table = Table("", "resource", "type")
    for change in plan.changes:
        table.add_row(change.action + (" (replaced)" if change.replaced else ""), change.resource, change.kind)
    Console(stderr=True).print(table)
    if not yes:
        try:
            stage.confirm(f"change {stack.name} as shown?")
        except click.Abort:
            stack.abandon(plan)
            raise
    stack.apply(plan)
    say(f"{stack.name}: done", err=True)


def _outputs(stack: Mapping[str, Any]) -> dict[str, str]:
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
