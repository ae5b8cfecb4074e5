"""The order in which the stack updates its functions: a function that reads a format before one that writes it."""

import re
from typing import Any

import pytest

from tests.tools.deploy.template_parts import Template


def waits_for(template: Template, name: str) -> set[str]:
    """The resources that CloudFormation updates before this one: those that it depends on or refers to, and theirs."""
    found: set[str] = set()
    new = {name}
    while new:
        found |= new
        resources = [template["Resources"][each] for each in new if each in template["Resources"]]
        new = {each for resource in resources for each in mentioned(resource)} - found
    return found - {name}


def mentioned(value: Any) -> set[str]:
    match value:
        case {"DependsOn": names, **rest}:
            return ({names} if isinstance(names, str) else {*names}) | mentioned(rest)
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), *_]}:
            return {name}
        case {"Fn::Sub": str(text)} | {"Fn::Sub": [str(text), *_]}:
            return {name.partition(".")[0] for name in re.findall(r"\$\{([A-Za-z0-9.:]+)\}", text)}
        case dict():
            return {name for each in value.values() for name in mentioned(each)}
        case list():
            return {name for each in value for name in mentioned(each)}
    return set()


@pytest.mark.parametrize(
    ("reader", "writer"),
    [
        ("PublishEventsAliaslive", "ProcessOrdersAliaslive"),  # items
        ("PublishEventsAliaslive", "APIHandlerAliaslive"),
        ("ProcessOrdersAliaslive", "APIHandlerAliaslive"),  # messages
        ("ProcessOrdersAliaslive", "RestAPI"),  # messages that API Gateway makes itself, with DirectAccept
    ],
)
def test_a_function_that_reads_a_format_goes_live_before_what_writes_it(
    reader: str, writer: str, template: Template
) -> None:
    assert reader in waits_for(template, writer)
    assert writer not in waits_for(template, reader)
