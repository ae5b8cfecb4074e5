"""CloudFormation templates as data: read, and laid over each other."""

import copy
import functools
from pathlib import Path
from typing import Any

from chalice.package import TemplateDeepMerger, YAMLTemplateSerializer

from ordersctl.shared.project import INFRA

Template = dict[str, Any]
RESOURCES = INFRA / "resources.yaml"  # the table, queues and topic of the service
MONITORING = INFRA / "monitoring.yaml"  # alarms, metrics and dashboard
PACKAGE = INFRA / "package.yaml"  # merged over Chalice's template by `ordersctl package`

# What only a stage with a REST API has, and what belongs to the authorizer function, which an HTTP API does not need.
OF_REST = {
    *{"RestAPI", "UsagePlan", "DirectAcceptRole"},
    *{"Authorizer", "AuthorizerRole", "AuthorizerInvokePermission"},
    *{"AuthorizerLogGroup", "KeysUnreadableMetric", "KeySetAlarm"},
}


def load(path: Path) -> Template:
    """Read a template, with short forms (!Ref) written out."""
    return copy.deepcopy(_parsed(path.read_text(), str(path)))


@functools.cache  # a command reads the same template several times, and each parsing takes a third of a second
def _parsed(text: str, name: str) -> Template:
    template: Template = YAMLTemplateSerializer().load_template(text, name)
    return template


def merged(*templates: Template) -> Template:
    """Merge templates: mappings are merged, and any other value is replaced by the later template's."""
    result: Template = {}
    for template in templates:
        result = TemplateDeepMerger().merge(template, result)
    return result


def resources() -> Template:
    """Return the template of the stack under plain `chalice deploy`: the resources, and their monitoring."""
    return merged(load(RESOURCES), load(MONITORING))


def every_parameter() -> Template:
    """Return the parameters of both ways of deploying, by name."""
    return merged(resources(), load(PACKAGE))["Parameters"]  # type: ignore[no-any-return]  # plain JSON


def defaults() -> dict[str, Any]:
    """Return parameter name -> default, None where there is none."""
    return {name: each.get("Default") for name, each in every_parameter().items()}
