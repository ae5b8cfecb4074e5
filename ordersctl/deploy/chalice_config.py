"""The files of a provisioned stage that `chalice deploy` reads: .chalice/config.json, and the functions' policies."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ordersctl.shared import templates
from ordersctl.shared.project import CHALICE_CONFIG, INFRA, chalice_config

POLICIES = INFRA / "policies"


def environment_variables(stage: str) -> dict[str, str]:
    """Return the environment variables of a stage's functions; empty when the stage has none."""
    found: dict[str, str] = chalice_config()["stages"].get(stage, {}).get("environment_variables", {})
    return found


def record(stage: str, outputs: Mapping[str, str], parameters: Mapping[str, str], file: Path = CHALICE_CONFIG) -> None:
    """Write a stack's outputs to the stage's environment, and its functions' policies with names filled in.

    `file` is .chalice/config.json, and the policies are written beside it.
    """
    config = json.loads(file.read_text())
    settings = config["stages"].setdefault(stage, {"api_gateway_stage": stage})
    settings.setdefault("environment_variables", {})["STAGE"] = stage
    # An output that the settings switch off is empty.
    settings["environment_variables"] |= {variable(name): outputs.get(name, "") for name in recorded_outputs()}
    settings["environment_variables"]["EVENT_BUS_NAME"] = parameters.get("EventBusName", "")
    settings["environment_variables"]["CUSTOMER_PRICES"] = parameters.get("CustomerPrices", "trusted")
    settings["environment_variables"]["DAX_ENDPOINT"] = parameters.get("DaxEndpoint", "")
    settings["xray"] = parameters.get("Tracing") == "true"
    # As in infra/package.yaml: a traced stage calls AWS with botocore.
    client = "botocore" if settings["xray"] else parameters.get("AwsClient", "thin")
    settings["environment_variables"]["AWS_CLIENT"] = client
    functions = settings.setdefault("lambda_functions", {})
    directory = file.parent / "policies" / stage
    directory.mkdir(parents=True, exist_ok=True)
    for policy in sorted(POLICIES.glob("*.json")):
        document = filled_in(json.loads(policy.read_text()), stage, outputs, parameters)
        (directory / policy.name).write_text(json.dumps(document, indent=2) + "\n")
        functions.setdefault(policy.stem, {})["iam_policy_file"] = f"policies/{stage}/{policy.name}"
    file.write_text(json.dumps(config, indent=2) + "\n")


def recorded_outputs() -> list[str]:
    """Return the names of the stack's outputs that the functions' environment carries."""
    return list(templates.load(templates.RESOURCES)["Outputs"])


def variable(output: str) -> str:
    """Return the environment variable that carries an output: OrderQueueUrl is ORDER_QUEUE_URL."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", output).upper()


def filled_in(policy: Any, stage: str, outputs: Mapping[str, str], parameters: Mapping[str, str]) -> Any:
    """Return a policy as CloudFormation would fill it in, from a stack's outputs."""
    return _resolved(policy, _names(stage, outputs, parameters), _conditions(parameters))


def _names(stage: str, outputs: Mapping[str, str], parameters: Mapping[str, str]) -> dict[str, str]:
    table, _, _ = outputs["OrderStreamArn"].partition("/stream/")
    _, partition, _, region, account, _ = table.split(":", 5)
    names = {
        "AWS::Partition": partition,
        "AWS::Region": region,
        "AWS::AccountId": account,
        "Stage": stage,
        "Encryption": parameters.get("Encryption", ""),
        "EventBusName": parameters.get("EventBusName", ""),
        "DaxCluster": parameters.get("DaxEndpoint", "").rpartition("/")[2].partition(".")[0],
        "OrderTable.Arn": table,
        "EventTopic": outputs["EventTopicArn"],
        "IdSecret": outputs["IdSecretArn"],
    }
    for queue in ("OrderQueue", "OrderDeadLetterQueue", "EventDeadLetterQueue"):
        name = outputs[f"{queue}Url"].rpartition("/")[2]
        names[f"{queue}.Arn"] = f"arn:{partition}:sqs:{region}:{account}:{name}"
    return names


def _conditions(parameters: Mapping[str, str]) -> dict[str, bool]:
    return {
        "WithTracing": parameters.get("Tracing") == "true",
        "WithEventBus": bool(parameters.get("EventBusName")),
        "WithCheckedPrices": parameters.get("CustomerPrices") == "checked",
        "WithDax": bool(parameters.get("DaxEndpoint")),
        "WithOwnKey": parameters.get("Encryption", "").startswith("arn:"),
    }


def _resolved(value: Any, names: Mapping[str, str], conditions: Mapping[str, bool]) -> Any:
    match value:
        case {"Fn::Sub": str(text)} | {"Fn::Sub": [str(text), _]}:
            return re.sub(r"\$\{([^}]+)\}", lambda found: names[found[1]], text)
        case {"Fn::If": [condition, yes, no]}:
            return _resolved(yes if conditions[condition] else no, names, conditions)
        case {"Ref": "AWS::NoValue"}:
            return None
        case dict():
            return {key: _resolved(each, names, conditions) for key, each in value.items()}
        case list():
            resolved = (_resolved(each, names, conditions) for each in value)
            return [each for each in resolved if each is not None]
    return value
