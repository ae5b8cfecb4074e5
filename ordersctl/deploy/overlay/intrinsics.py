"""CloudFormation's conditions, rules and references, worked out for a stage's settings before CloudFormation does."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ordersctl.shared.templates import Template

_LEFT_OUT = {"Ref": "AWS::NoValue"}


@dataclass(frozen=True)
class Evaluation:
    """A template's conditions under one set of parameters, each a text as CloudFormation compares them."""

    conditions: Mapping[str, Any]
    parameters: Mapping[str, str]

    @classmethod
    def of(cls, template: Template, given: Mapping[str, str]) -> "Evaluation":
        """Return the evaluation of a template whose other parameters have their defaults."""
        defaults = {
            name: str(each["Default"]) for name, each in template.get("Parameters", {}).items() if "Default" in each
        }
        return cls(template.get("Conditions", {}), defaults | dict(given))

    def holds(self, condition: Any) -> bool:
        """Return whether a condition or an assertion of a rule holds; KeyError for an unknown name."""
        match condition:
            case str(name) | {"Condition": str(name)}:
                return self.holds(self.conditions[name])
            case {"Fn::Equals": [one, other]}:
                return str(self.resolved(one)) == str(self.resolved(other))
            case {"Fn::Not": [one]}:
                return not self.holds(one)
            case {"Fn::And": each}:
                return all(self.holds(one) for one in each)
            case {"Fn::Or": each}:
                return any(self.holds(one) for one in each)
            case {"Fn::Contains": [texts, one]}:
                return self.resolved(one) in texts
        raise ValueError(f"not a condition: {condition}")

    def resolved(self, value: Any) -> Any:
        """Return a part of the template with its conditions decided and its parameters filled in.

        References to resources and pseudo parameters stay as they are.
        """
        match value:
            case {"Fn::If": [condition, yes, no]}:
                return self.resolved(yes if self.holds(condition) else no)
            case {"Ref": name} if name in self.parameters:
                return self.parameters[name]
            case {"Fn::Sub": str(text)}:
                return {"Fn::Sub": re.sub(r"\$\{(\w+)\}", self._parameter, text)}
            case dict():
                found = {name: self.resolved(each) for name, each in value.items()}
                return {name: each for name, each in found.items() if each != _LEFT_OUT}
            case list():
                return [each for each in map(self.resolved, value) if each != _LEFT_OUT]
        return value

    def _parameter(self, reference: re.Match[str]) -> str:
        return self.parameters.get(reference[1], reference[0])


def broken_rules(template: Template, given: Mapping[str, str]) -> list[str]:
    """Return the descriptions of the template's rules that these parameters break."""
    evaluation = Evaluation.of(template, given)
    return [
        assertion["AssertDescription"]
        for rule in template.get("Rules", {}).values()
        if evaluation.holds(rule["RuleCondition"])
        for assertion in rule["Assertions"]
        if not evaluation.holds(assertion["Assert"])
    ]
