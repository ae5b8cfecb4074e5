"""A stage as CloudFormation would make it of the translated template: its functions' environments and policies."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ordersctl.deploy import package
from ordersctl.deploy.sam import translated
from ordersctl.shared.templates import Template

REGION, ACCOUNT = "eu-west-1", "123456789012"
PSEUDO = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT, "AWS::URLSuffix": "amazonaws.com"}
_ARNS = {
    "AWS::DynamoDB::GlobalTable": ("dynamodb", "table/", "TableName"),
    "AWS::DynamoDB::Table": ("dynamodb", "table/", "TableName"),
    "AWS::SQS::Queue": ("sqs", "", "QueueName"),
    "AWS::SNS::Topic": ("sns", "", "TopicName"),
    "AWS::SecretsManager::Secret": ("secretsmanager", "secret:", "Name"),
}
_NO_VALUE = object()


def packaged_template(stage: str = "prod") -> Template:
    """Return the template that `ordersctl package` makes of a stage, as AWS translates it."""
    with tempfile.TemporaryDirectory() as project, tempfile.TemporaryDirectory() as out:
        package.copy_sources(Path(project))
        package.build(Path(project), stage, Path(out))
        return translated(json.loads((Path(out) / package.TEMPLATE).read_text()))


@dataclass(frozen=True)
class DeployedStack:
    """A translated template with values for its parameters; those that are not given have their defaults."""

    template: Template
    given: Mapping[str, str]
    _conditions: dict[str, bool] = field(default_factory=dict)

    def environment(self, function: str) -> dict[str, str]:
        variables = self.template["Resources"][function]["Properties"]["Environment"]["Variables"]
        return {name: str(value) for name, value in self.resolved(variables).items()}

    def role_of(self, function: str) -> str:
        """Return the logical name of a function's role; a role's own name is returned as it is."""
        properties = self.template["Resources"][function]["Properties"]
        return str(properties["Role"]["Fn::GetAtt"][0]) if "Role" in properties else function

    def statements(self, function: str) -> list[dict[str, Any]]:
        """Return the statements of all policies of a function's role, or of a role, with ARNs in place of names."""
        properties = self.template["Resources"][self.role_of(function)]["Properties"]
        assert "ManagedPolicyArns" not in properties, "a managed policy cannot be read here"
        found: list[dict[str, Any]] = []
        for policy in properties["Policies"]:
            found += self.resolved(policy["PolicyDocument"]["Statement"])
        return found

    def arn(self, name: str) -> str:
        """Return the ARN of a resource of the template, or of what the parameter of this name stands for.

        "OrderTable/index/by-customer" is an index.
        """
        if name == "EventBusName":
            return f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{self._parameter(name)}"
        if name == "DaxEndpoint":
            cluster = self._parameter(name).rpartition("/")[2].partition(".")[0]
            return f"arn:aws:dax:{REGION}:{ACCOUNT}:cache/{cluster}"
        logical, slash, rest = name.partition("/")
        resource = self.template["Resources"][logical]
        service, prefix, name_property = _ARNS[resource["Type"]]
        physical = self.resolved(resource["Properties"][name_property])
        suffix = "-AbCdEf" if service == "secretsmanager" else ""  # Secrets Manager appends six characters
        return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{prefix}{physical}{suffix}{slash}{rest}"

    # --- intrinsic functions: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html

    def resolved(self, value: Any) -> Any:  # noqa: PLR0911 - a case per function
        """Return a value of the template as CloudFormation passes it on. Raises KeyError for an unknown name."""
        match value:
            case {"Ref": "AWS::NoValue"}:
                return _NO_VALUE
            case {"Ref": name}:
                return self._referred(name)
            case {"Fn::GetAtt": [name, "Arn"]}:
                return self.arn(name)
            case {"Fn::GetAtt": [name, attribute]}:
                return f"{self.arn(name)}.{attribute}"
            case {"Fn::If": [condition, yes, no]}:
                return self.resolved(yes if self.condition(condition) else no)
            case {"Fn::Sub": str(text)}:
                return self._substituted(text, {})
            case {"Fn::Sub": [text, own]}:
                return self._substituted(text, own)
            case {"Fn::Select": [index, values]}:
                return self.resolved(values)[int(index)]
            case {"Fn::Split": [separator, text]}:
                return self.resolved(text).split(separator)
            case dict():
                members = {name: self.resolved(each) for name, each in value.items()}
                return {name: each for name, each in members.items() if each is not _NO_VALUE}
            case list():
                return [each for each in map(self.resolved, value) if each is not _NO_VALUE]
        return value

    def condition(self, name: str) -> bool:
        if name not in self._conditions:
            self._conditions[name] = self._holds(self.template["Conditions"][name])
        return self._conditions[name]

    def _holds(self, rule: Any) -> bool:
        match rule:
            case {"Condition": name}:
                return self.condition(name)
            case {"Fn::Equals": [one, other]}:
                return str(self.resolved(one)) == str(self.resolved(other))
            case {"Fn::Not": [inner]}:
                return not self._holds(inner)
            case {"Fn::Or": rules}:
                return any(map(self._holds, rules))
            case {"Fn::And": rules}:
                return all(map(self._holds, rules))
        raise KeyError(rule)

    def _parameter(self, name: str) -> str:
        return str(self.given.get(name, self.template["Parameters"][name].get("Default", "")))

    def _referred(self, name: str) -> str:
        if name in PSEUDO:
            return PSEUDO[name]
        if name in self.template["Parameters"]:
            return self._parameter(name)
        resource = self.template["Resources"][name]
        service, _, name_property = _ARNS[resource["Type"]]
        physical = str(self.resolved(resource["Properties"][name_property]))
        match service:
            case "dynamodb":
                return physical
            case "sqs":
                return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{physical}"
        return self.arn(name)

    def _substituted(self, text: str, own: Mapping[str, Any]) -> str:
        parts = text.split("${")
        found = [parts[0]]
        for part in parts[1:]:
            name, _, rest = part.partition("}")
            value = own[name] if name in own else {"Fn::GetAtt": name.split(".")} if "." in name else {"Ref": name}
            found += [str(self.resolved(value)), rest]
        return "".join(found)
