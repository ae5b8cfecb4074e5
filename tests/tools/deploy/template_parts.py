"""Parts of the packaged template by name: resources, statements, mappings, and the default of a parameter."""

from collections.abc import Iterator
from typing import Any

Template = dict[str, Any]


def of_type(template: Template, kind: str) -> dict[str, Any]:
    """Return logical name -> properties of the resources of a type."""
    return {name: each.get("Properties", {}) for name, each in template["Resources"].items() if each["Type"] == kind}


def properties(template: Template, name: str) -> dict[str, Any]:
    return template["Resources"][name]["Properties"]  # type: ignore[no-any-return]  # plain JSON


def literal(template: Template, given: Any) -> Any:
    """A value, or the default of the parameter in its place."""
    match given:
        case {"Ref": name}:
            return template["Parameters"][name]["Default"]
        case {"Fn::If": [_, {"Ref": "AWS::NoValue"}, other]}:
            return literal(template, other)
    return given


def mapping(template: Template, function: str) -> dict[str, Any]:
    mappings = of_type(template, "AWS::Lambda::EventSourceMapping").values()
    (found,) = (each for each in mappings if each["FunctionName"] == {"Ref": f"{function}Aliaslive"})
    return found  # type: ignore[no-any-return]  # plain JSON


def statements(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every statement of every role, those under a condition too."""
    for name, role in of_type(template, "AWS::IAM::Role").items():
        for policy in role["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                yield name, statement["Fn::If"][1] if "Fn::If" in statement else statement


def policy(template: Template, role: str) -> list[dict[str, Any]]:
    return properties(template, role)["Policies"][0]["PolicyDocument"]["Statement"]  # type: ignore[no-any-return]


def as_list(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given]


def index(template: Template) -> dict[str, Any]:
    return properties(template, "OrderTable")["GlobalSecondaryIndexes"][0]  # type: ignore[no-any-return]  # plain JSON


def replica(template: Template) -> dict[str, Any]:
    return properties(template, "OrderTable")["Replicas"][0]  # type: ignore[no-any-return]  # plain JSON


def gateway_answers(template: Template) -> dict[str, Any]:
    body = properties(template, "RestAPI")["Body"]
    return body["x-amazon-apigateway-gateway-responses"]  # type: ignore[no-any-return]  # plain JSON
