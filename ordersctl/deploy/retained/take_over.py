"""Changing a stage's stack, which first takes over the table and the secret that an earlier stack left.

CloudFormation's own ImportExistingResources takes neither: "Dynamic names (using !Ref or other functions) are not
currently supported", and "Primary IDs with read only properties aren't supported", as a secret's is (CloudFormation
guide, "Import AWS resources into a CloudFormation stack automatically"). A change set of type IMPORT takes both.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import click

from ordersctl.deploy.retained.excerpt import excerpt
from ordersctl.deploy.retained.existing import Existing, existing
from ordersctl.deploy.stack import MAX_TEMPLATE_BYTES, Stack, carry_out
from ordersctl.shared.output import say
from ordersctl.shared.stage import Stage
from ordersctl.shared.templates import Template


def change(
    stage: Stage,
    stack: Stack,
    template: Template,
    parameters: Mapping[str, str],
    tags: Mapping[str, str],
    *,
    source: Mapping[str, str],
    yes: bool,
) -> None:
    """Bring a stage's stack to a template, which `source` gives as TemplateBody or TemplateURL.

    Asks before each step unless `yes`. ClickException when CloudFormation refuses or rolls back; it can be run again.
    """
    there_is_a_stack = stack.prepare()
    inside = stack.resource_ids() if there_is_a_stack else set()
    left = [each for each in existing(stage) if each.logical_id not in inside]
    if left:
        say(f"{stack.name}: taking over what an earlier stack left", err=True)
        _import(stage, stack, template, parameters, left, there_is_a_stack=there_is_a_stack, yes=yes)
    carry_out(stage, stack, stack.plan(source, parameters, tags), yes=yes)


def _import(
    stage: Stage,
    stack: Stack,
    template: Template,
    parameters: Mapping[str, str],
    left: Iterable[Existing],
    *,
    there_is_a_stack: bool,
    yes: bool,
) -> None:
    """Import resources as they are: with settings that they do not have, the change after it would change nothing."""
    actual = dict(parameters)
    for each in left:
        actual |= {name: value for name, value in each.settings.items() if name in template["Parameters"]}
    before = stack.template() if there_is_a_stack else {}
    body, values = _with(before, excerpt(template, [each.logical_id for each in left]), actual)
    text = json.dumps(body, separators=(",", ":"))
    if len(text) > MAX_TEMPLATE_BYTES:
        raise click.ClickException(f"{stack.name} is too large to import into: delete it, and deploy again")
    resources = [
        {"ResourceType": each.kind, "LogicalResourceId": each.logical_id, "ResourceIdentifier": each.identifier}
        for each in left
    ]
    carry_out(stage, stack, stack.plan_import(text, values, resources), yes=yes)


def _with(before: Template, part: Template, values: Mapping[str, str]) -> tuple[Template, list[dict[str, Any]]]:
    """Return a stack's template with a part of another added, and the parameters of a change set for it.

    Nothing else may change in an import: what the stack has stays, outputs and values of parameters included.
    """
    sections = ("Parameters", "Conditions", "Resources")
    body = {**part, **before, **{name: {**part.get(name, {}), **before.get(name, {})} for name in sections}}
    kept = before.get("Parameters", {})
    parameters = [
        {"ParameterKey": name, "UsePreviousValue": True}
        if name in kept
        else {"ParameterKey": name, "ParameterValue": values[name]}
        for name in body["Parameters"]
        if name in kept or name in values
    ]
    return body, parameters
