"""`ordersctl provision`: what a stage needs before `chalice deploy`, and what Chalice needs to know of it."""

import json
import re
from collections.abc import Mapping
from typing import Any

import click

from ordersctl.deploy.plans import carry_out
from ordersctl.deploy.stack import Stack
from ordersctl.shared import templates
from ordersctl.shared.project import PROJECT_DIR
from ordersctl.shared.stage import Stage, with_stage

CONFIG = templates.CONFIG
POLICIES = templates.INFRA / "policies"


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_stage
def provision(stage: Stage, *, yes: bool) -> None:
    """Create or update a stage's resources, and write them down for `chalice deploy`."""
    given, tags = templates.stage_settings(stage.name)
    templates.check_dax_client(given)
    template = templates.resources()
    parameters = templates.checked_parameters(template, given)
    client = stage.client("cloudformation")
    seconds = templates.processor_timeout(stage.name)
    templates.check_together(given, region=client.meta.region_name, timeout_seconds=seconds)
    if not stage.is_local:
        environment = json.loads(CONFIG.read_text())["stages"].get(stage.name, {}).get("environment_variables", {})
        templates.check_issuer("JWT_ISSUER in .chalice/config.json", environment.get("JWT_ISSUER", ""))
    stack = Stack(client, f"orders-{stage.name}")
    if stack.is_whole:
        raise click.ClickException(
            f"{stack.name} was deployed whole: provisioning would remove its functions and its API. "
            f"Use: make package STAGE={stage.name}, then ordersctl deploy --stage {stage.name}"
        )
    body = json.dumps(template, separators=(",", ":"))  # a template that goes along with the call is 51,200 bytes
    carry_out(stack, stack.plan({"TemplateBody": body}, parameters, tags), yes=yes)
    record(stage.name, stack.outputs(), given)
    click.echo(f"written down in {CONFIG.relative_to(PROJECT_DIR)}; next: chalice deploy --stage {stage.name}")


def record(stage: str, outputs: Mapping[str, str], parameters: Mapping[str, str]) -> None:
    """Write a stack's outputs to the stage's environment, and its functions' policies with names filled in."""
    config = json.loads(CONFIG.read_text())
    settings = config["stages"].setdefault(stage, {"api_gateway_stage": stage})
    names = templates.load(templates.INFRA / "resources.yaml")["Outputs"]
    settings.setdefault("environment_variables", {})["STAGE"] = stage
    settings["environment_variables"] |= {variable(name): outputs[name] for name in names}
    settings["environment_variables"]["EVENT_BUS_NAME"] = parameters.get("EventBusName", "")
    settings["environment_variables"]["DAX_ENDPOINT"] = parameters.get("DaxEndpoint", "")
    settings["xray"] = parameters.get("Tracing") == "true"
    # As infra/package.yaml has it: a traced stage calls AWS by botocore.
    client = "botocore" if settings["xray"] else parameters.get("AwsClient", "thin")
    settings["environment_variables"]["AWS_CLIENT"] = client
    functions = settings.setdefault("lambda_functions", {})
    directory = CONFIG.parent / "policies" / stage
    directory.mkdir(parents=True, exist_ok=True)
    for policy in sorted(POLICIES.glob("*.json")):
        document = filled_in(json.loads(policy.read_text()), stage, outputs, parameters)
        (directory / policy.name).write_text(json.dumps(document, indent=2) + "\n")
        functions.setdefault(policy.stem, {})["iam_policy_file"] = f"policies/{stage}/{policy.name}"
    CONFIG.write_text(json.dumps(config, indent=2) + "\n")


def variable(output: str) -> str:
    """Return the environment variable that carries an output: OrderQueueUrl is ORDER_QUEUE_URL."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", output).upper()


def filled_in(policy: Any, stage: str, outputs: Mapping[str, str], parameters: Mapping[str, str]) -> Any:
    """Return a policy as CloudFormation would fill it in, from a stack's outputs."""
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
    conditions = {
        "WithTracing": parameters.get("Tracing") == "true",
        "WithEventBus": bool(parameters.get("EventBusName")),
        "WithDax": bool(parameters.get("DaxEndpoint")),
        "WithOwnKey": parameters.get("Encryption", "").startswith("arn:"),
    }
    return _resolved(policy, names, conditions)


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
