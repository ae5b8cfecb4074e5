"""The templates that a stage has under every allowed combination of the settings that change its shape."""

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ordersctl.deploy.overlay.http_api import with_http_api
from ordersctl.deploy.overlay.intrinsics import Evaluation
from ordersctl.deploy.release.publish import publish
from ordersctl.deploy.sam import translated
from tests.tools.deploy.gateway.test_api_version import KEY, STAGE
from tests.tools.deploy.release.test_publish import for_python_312
from tests.tools.deploy.template_parts import Template

PACKAGED = {  # each makes another template
    "Api": ("REST", "HTTP"),
    "Release": ("AllAtOnce", "Canary10Percent5Minutes", "Linear10PercentEvery1Minute"),
    "SnapStart": ("off", "on"),
}
DECIDED = {  # each decides conditions of the template
    "DirectAccept": ("false", "true"),
    "Fifo": ("false", "true"),
    "EventBusName": ("", "orders"),
    "Encryption": ("aws-managed", "aws-owned", KEY),
}
_ALWAYS, _NEVER = {"Fn::Equals": ["", ""]}, {"Fn::Equals": ["", "-"]}
ORIGINS = "https://shop.example.com https://admin.example.com"


class Stack(NamedTuple):
    given: dict[str, str]
    template: Template


def combinations(settings: Mapping[str, Iterable[str]]) -> Iterator[dict[str, str]]:
    for values in itertools.product(*settings.values()):
        yield dict(zip(settings, values, strict=True))


def is_allowed(given: Mapping[str, str]) -> bool:
    """Whether a stage may have these settings together: only DirectAccept rules others out."""
    return given["DirectAccept"] == "false" or (given["Api"] == "REST" and given["Fifo"] == "false")


def sam_templates(packaged: Template, **only: str) -> Iterator[Stack]:
    """Yield the template of each combination of the packaged settings, or of those with these values alone."""
    for given in combinations(PACKAGED | {name: (value,) for name, value in only.items()}):
        template = for_python_312(packaged)  # SnapStart needs it
        if given["Api"] == "HTTP":
            template = with_http_api(template, ORIGINS)
        publish(template, STAGE | given, b"code")
        yield Stack(given, template)


def stacks(packaged: Template) -> Iterator[Stack]:
    """Yield what CloudFormation would make under each allowed combination of all these settings."""
    for given, sam in sam_templates(packaged):
        template = translated(sam)
        for decided in combinations(DECIDED):
            if is_allowed(given | decided):
                yield Stack(given | decided, _decided(template, STAGE | given | decided))


def covering(made: Iterable[Stack], parts: Callable[[Template], set[str]]) -> list[Stack]:
    """Return few of the stacks or templates that together have every part, as it is in any of them."""
    left = [(stack, parts(stack.template)) for stack in made]
    missing = set().union(*(found for _, found in left))
    chosen = []
    while missing:
        stack, found = max(left, key=lambda each: len(each[1] & missing))
        missing -= found
        chosen.append(stack)
    return chosen


def resources(template: Template) -> set[str]:
    return {json.dumps(each, sort_keys=True) for each in template["Resources"].items()}


def properties(template: Template) -> set[str]:
    return {
        json.dumps([name, *each], sort_keys=True)
        for name, resource in template["Resources"].items()
        for each in [("", resource | {"Properties": None}), *resource.get("Properties", {}).items()]
    }


def _decided(template: Template, given: Mapping[str, str]) -> Template:
    """Return a template with its conditions decided: without the resources and values that a stage would not have."""
    stage = Evaluation.of(template, given)
    known = {name: _ALWAYS if stage.holds(name) else _NEVER for name in template["Conditions"]}
    evaluation = Evaluation(known, {})
    kept = {
        name: {key: value for key, value in each.items() if key != "Condition"}
        for name, each in template["Resources"].items()
        if "Condition" not in each or evaluation.holds(each["Condition"])
    }
    resources: dict[str, Any] = evaluation.resolved(kept)
    for each in resources.values():
        if needed := [name for name in _names(each.pop("DependsOn", [])) if name in resources]:
            each["DependsOn"] = needed
    text = json.dumps(resources)
    parameters = {
        name: each | ({"Default": given[name]} if name in given else {})
        for name, each in template["Parameters"].items()
        if f'{{"Ref": "{name}"}}' in text or f"${{{name}}}" in text
    }
    return {"AWSTemplateFormatVersion": "2010-09-09", "Parameters": parameters, "Resources": resources}


def _names(depends_on: str | list[str]) -> list[str]:
    return [depends_on] if isinstance(depends_on, str) else depends_on
