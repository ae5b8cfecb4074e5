"""A release of a packaged stage: every function publishes a version, and its alias `live` moves there.

SAM publishes a version when the text of a function changes, in which a setting is only the name of a parameter; and
Lambda refuses to publish one when nothing changed. Therefore a release has an id, a hash of its code and of what its
functions are under the stage's settings. The id is the versions' name in the stack and a variable of each function: all
functions publish together, exactly when one of them changes, and each version says which release it belongs to.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import click

from ordersctl.deploy.overlay.intrinsics import Evaluation
from ordersctl.shared import templates
from ordersctl.shared.functions import ALIAS, RELEASE
from ordersctl.shared.project import INFRA
from ordersctl.shared.templates import Template

SHIFT = INFRA / "release.yaml"
AT_ONCE = "AllAtOnce"
_SNAP_START_SINCE = (3, 12)  # Lambda guide, "Improving startup performance with Lambda SnapStart"
_SERVERLESS = "AWS::Serverless::Function"
_NAMES = {"FifoQueue", "FifoTopic", "Name", "QueueName", "TableName", "TopicName"}  # what makes a resource another one


def publish(template: Template, given: Mapping[str, str], code: bytes) -> None:
    """Put the stage's release into its template, in place; with other settings it can be put there again.

    `code` is the deployment package. ClickException for settings that the package's runtime cannot have.
    """
    _behind_aliases(template)
    _snap_start(template, given)
    release = _release(template, given, code)
    for function in _functions(template).values():
        function["Properties"]["AutoPublishCodeSha256"] = release
        function["Properties"]["Environment"]["Variables"][RELEASE] = release
    _shift(template, given, release)


def failures_of(release: str) -> str:
    """Return the filter pattern of the log lines by which a release has failed: chalicelib/logs.py."""
    return f'{{ $.release = "{release}" }}'


def _functions(template: Template) -> dict[str, Any]:
    return {name: each for name, each in template["Resources"].items() if each["Type"] == _SERVERLESS}


def _behind_aliases(template: Template) -> None:
    """Point what calls a function at its alias: the API's integrations, its authorizer, and their permissions.

    SAM does so with event source mappings.
    """
    functions = _functions(template)
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Lambda::Permission":
            function = next(each for each in functions if name.startswith(each))
            resource["Properties"]["FunctionName"] = {"Ref": f"{function}Alias{ALIAS}"}
    for name in ("RestAPI", "HttpIntegration"):
        if name in template["Resources"]:
            template["Resources"][name] = _aliased(template["Resources"][name])


def _aliased(value: Any) -> Any:
    match value:
        case str():
            return re.sub(
                r"functions/\$\{(\w+)\.Arn\}/invocations", rf"functions/${{\1Alias{ALIAS}}}/invocations", value
            )
        case dict():
            return {key: _aliased(each) for key, each in value.items()}
        case list():
            return [_aliased(each) for each in value]
    return value


def _snap_start(template: Template, given: Mapping[str, str]) -> None:
    """Let the API's function start from a snapshot of each version; ClickException if its runtime cannot."""
    api = template["Resources"]["APIHandler"]["Properties"]
    api.pop("SnapStart", None)
    if given.get("SnapStart") != "on":
        return
    version = tuple(int(part) for part in re.findall(r"\d+", api["Runtime"]))
    if version < _SNAP_START_SINCE:
        raise click.ClickException(
            f"SnapStart: Lambda has it from Python 3.12 on, and the package is for {api['Runtime']}: "
            "package with an ordersctl that runs on a newer Python"
        )
    api["SnapStart"] = {"ApplyOn": "PublishedVersions"}


def _release(template: Template, given: Mapping[str, str], code: bytes) -> str:
    """Return the release's id: a hash of code, functions, and the names of what their settings refer to."""
    evaluation = Evaluation.of(template, given)
    functions = {name: evaluation.resolved(_own(each["Properties"])) for name, each in _functions(template).items()}
    named = {
        name: evaluation.resolved(
            {key: each for key, each in template["Resources"][name].get("Properties", {}).items() if key in _NAMES}
        )
        for name in _referred(functions)
        if name in template["Resources"]
    }
    text = json.dumps([hashlib.sha256(code).hexdigest(), functions, named], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _own(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return a function's properties without those that say how it is called, which are not part of a version."""
    ours = {"AutoPublishAlias", "AutoPublishCodeSha256", "CodeUri", "DeploymentPreference", "Events"}
    own = {name: each for name, each in properties.items() if name not in ours}
    variables = {name: each for name, each in own["Environment"]["Variables"].items() if name != RELEASE}
    return own | {"Environment": {"Variables": variables}}


def _referred(value: Any) -> Iterator[str]:
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
            yield name
        case dict():
            for each in value.values():
                yield from _referred(each)
        case list():
            for each in value:
                yield from _referred(each)


def _shift(template: Template, given: Mapping[str, str], release: str) -> None:
    """Add what shifts the API's traffic to the new version step by step, or take it out."""
    added = templates.load(SHIFT)["Resources"]
    preference = added.pop("APIHandler")["Properties"]["DeploymentPreference"]
    for each in added.values():
        if each["Type"] == "AWS::Logs::MetricFilter":
            each["Properties"]["FilterPattern"] = failures_of(release)
    api = template["Resources"]["APIHandler"]["Properties"]
    api.pop("DeploymentPreference", None)
    for name in added:
        template["Resources"].pop(name, None)
    if given.get("Release", AT_ONCE) != AT_ONCE:
        api["DeploymentPreference"] = {**preference, "Type": given["Release"]}
        template["Resources"] |= added
