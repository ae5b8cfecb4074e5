"""A part of a template: some of its resources, with the parameters and conditions that they need."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from ordersctl.shared.templates import Template


def excerpt(template: Template, logical_ids: Iterable[str]) -> Template:
    """Return a template of these resources alone, without outputs; they refer to no other resource."""
    resources = {name: template["Resources"][name] for name in logical_ids}
    conditions: dict[str, Any] = {}
    new = set(_names(resources)) & template.get("Conditions", {}).keys()
    while new:
        conditions |= {name: template["Conditions"][name] for name in new}
        new = (set(_names(conditions)) & template["Conditions"].keys()) - conditions.keys()
    named = set(_names(resources)) | set(_names(conditions))
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Parameters": {name: each for name, each in template["Parameters"].items() if name in named},
        "Conditions": dict(sorted(conditions.items())),
        "Resources": resources,
    }


def _names(value: Any) -> Iterator[str]:
    """Yield the names of parameters, conditions and resources that a part of a template mentions."""
    match value:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::Sub": str(text)}:
            yield from re.findall(r"\$\{(\w+)\}", text)
        case {"Fn::If": [str(name), *branches]}:
            yield name
            yield from _names(branches)
        case dict():
            if isinstance(condition := value.get("Condition"), str):
                yield condition
            yield from _names(list(value.values()))
        case list():
            for each in value:
                yield from _names(each)
