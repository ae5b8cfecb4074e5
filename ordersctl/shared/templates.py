"""CloudFormation templates as data: read, and laid over each other."""

from pathlib import Path
from typing import Any

from chalice.package import TemplateDeepMerger, YAMLTemplateSerializer

from ordersctl.shared.project import INFRA

Template = dict[str, Any]
RESOURCES = INFRA / "resources.yaml"  # what the service keeps
MONITORING = INFRA / "monitoring.yaml"  # what watches it
PACKAGE = INFRA / "package.yaml"  # what `ordersctl package` lays over Chalice's template


def load(path: Path) -> Template:
    """Read a template, its short forms (!Ref) written out."""
    template: Template = YAMLTemplateSerializer().load_template(path.read_text(), str(path))
    return template


def merged(*templates: Template) -> Template:
    """Lay templates over each other: mappings are merged, anything else is replaced by the later one."""
    result: Template = {}
    for template in templates:
        result = TemplateDeepMerger().merge(template, result)
    return result


def resources() -> Template:
    """Return the stack under plain `chalice deploy`: what the service keeps, and what watches it."""
    return merged(load(RESOURCES), load(MONITORING))


def every_parameter() -> Template:
    """Return the parameters of both ways of deploying, by name."""
    return merged(resources(), load(PACKAGE))["Parameters"]  # type: ignore[no-any-return]  # plain JSON


def defaults() -> dict[str, Any]:
    """Return parameter name -> default, None where there is none."""
    return {name: each.get("Default") for name, each in every_parameter().items()}
