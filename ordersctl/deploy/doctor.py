"""`ordersctl doctor`: compares a deployed stage with what it should be, and says what is missing."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import click
from botocore.exceptions import ClientError
from rich.console import Console
from rich.markup import escape

from ordersctl.deploy.function_settings import differences, function_names, wanted, wanted_logging
from ordersctl.deploy.provision import CONFIG, variable
from ordersctl.deploy.stack import deployed_whole
from ordersctl.deploy.tune import event_dead_letter_queue_arn, mapping
from ordersctl.shared import templates
from ordersctl.shared.stage import Stage, with_stage


class Finding(NamedTuple):
    fine: bool
    what: str
    remedy: str = ""


class Remedies(NamedTuple):
    """What to type, by how the stage was deployed: provisioning one that was deployed whole would take it apart."""

    stack: str
    functions: str
    mappings: str

    @classmethod
    def of(cls, stage: str, *, packaged: bool) -> "Remedies":
        tune = f"ordersctl tune --stage {stage}"
        if packaged:
            deploy = f"make package STAGE={stage}, then ordersctl deploy --stage {stage}"
            # CloudFormation changes only what differs from its own last template, not what was changed beside it.
            return cls(deploy, deploy, f"{deploy}; if that changes nothing, {tune}")
        return cls(f"ordersctl provision --stage {stage}", f"chalice deploy --stage {stage}", tune)


@click.command()
@with_stage
def doctor(stage: Stage) -> None:
    """Say what of a deployed stage is not as it should be; exit status 1 if anything."""
    ill = 0
    for finding in examine(stage):
        mark = "[green]ok[/]  " if finding.fine else "[red]ILL[/] "
        remedy = "" if finding.fine or not finding.remedy else f" -> {finding.remedy}"
        Console(highlight=False, soft_wrap=True).print(mark + escape(finding.what + remedy))
        ill += not finding.fine
    if ill:
        raise click.ClickException(f"{ill} findings")


def examine(stage: Stage) -> Iterator[Finding]:
    """Look at everything, in the order in which an order travels."""
    settings, _ = templates.stage_settings(stage.name)
    packaged = deployed_whole(stage.outputs())
    remedies = Remedies.of(stage.name, packaged=packaged)
    yield from _stack(stage, settings, remedies)
    functions = {name: _function(stage, name) for name in function_names(stage.name)}
    for name, configuration in functions.items():
        yield Finding(configuration is not None, f"{name} is deployed", remedies.functions)
    if not packaged:
        yield from _recorded(stage, remedies)
    yield from _queue(stage, functions[f"orders-{stage.name}-process-orders"], remedies)
    yield from _mappings(stage, settings, functions, remedies)
    yield from _logs(settings, functions, remedies)
    yield from _table(stage, settings, remedies)
    yield from _dead_letters(stage)
    yield from _alarms(stage, settings, remedies)


def _stack(stage: Stage, settings: dict[str, str], remedies: Remedies) -> Iterator[Finding]:
    found = stage.client("cloudformation").describe_stacks(StackName=f"orders-{stage.name}")["Stacks"][0]
    status = found["StackStatus"]
    yield Finding(status.endswith("_COMPLETE") and "ROLLBACK" not in status, f"the stack is {status}", "see its events")
    deployed = {each["ParameterKey"]: each["ParameterValue"] for each in found.get("Parameters", [])}
    stale = [name for name, value in settings.items() if deployed.get(name, value) != value]
    said = ", ".join(stale) or "none"
    yield Finding(not stale, f"settings that are not those of infra/stages: {said}", remedies.stack)


def _function(stage: Stage, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = stage.client("lambda").get_function_configuration(FunctionName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return None
    return found


def _recorded(stage: Stage, remedies: Remedies) -> Iterator[Finding]:
    recorded = json.loads(CONFIG.read_text())["stages"].get(stage.name, {}).get("environment_variables", {})
    names = templates.load(templates.INFRA / "resources.yaml")["Outputs"]
    stale = [name for name in names if recorded.get(variable(name)) != stage.outputs().get(name)]
    said = ", ".join(stale) or "none"
    yield Finding(not stale, f"outputs that are not written down: {said}", remedies.stack)


def _queue(stage: Stage, processor: dict[str, Any] | None, remedies: Remedies) -> Iterator[Finding]:
    answer = stage.client("sqs").get_queue_attributes(QueueUrl=stage.output("OrderQueueUrl"), AttributeNames=["All"])
    attributes = answer["Attributes"]
    visibility, timeout = int(attributes["VisibilityTimeout"]), (processor or {}).get("Timeout", 0)
    source = mapping(stage.client("lambda"), f"orders-{stage.name}-process-orders") or {}
    window = source.get("MaximumBatchingWindowInSeconds") or 0
    what = (
        f"the order queue's visibility ({visibility} s) is at least 6 x the processor's timeout ({timeout} s) "
        f"plus its batching window ({window} s)"
    )
    remedy = f"OrderQueueVisibility in infra/stages, or lambda_timeout; then {remedies.stack}"
    yield Finding(visibility >= 6 * timeout + window, what, remedy)
    yield Finding("RedrivePolicy" in attributes, "the order queue has a dead-letter queue", remedies.stack)


def _mappings(
    stage: Stage, settings: dict[str, str], functions: dict[str, dict[str, Any] | None], remedies: Remedies
) -> Iterator[Finding]:
    for name, wish in wanted(stage.name, settings, event_dead_letter_queue_arn(stage)).items():
        found = mapping(stage.client("lambda"), name)
        yield Finding(found is not None, f"{name} has its event source mapping", remedies.functions)
        if found is None:
            continue
        yield Finding(found["State"] == "Enabled", f"the mapping of {name} is {found['State']}", "enable it")
        differing = ", ".join(f"{key} is {value}" for key, value in differences(found, wish).items())
        tuned = differing or "tuned"
        yield Finding(not differing, f"the mapping of {name}: {tuned}", remedies.mappings)
        # The one mistake that loses orders: failures told to a mapping that does not listen.
        environment = ((functions[name] or {}).get("Environment") or {}).get("Variables", {})
        telling = environment.get("REPORT_BATCH_ITEM_FAILURES") == "1"
        listening = "ReportBatchItemFailures" in (found.get("FunctionResponseTypes") or [])
        yield Finding(
            listening or not telling,
            f"failures that {name} {'returns' if telling else 'raises'} are heeded",
            "REPORT_BATCH_ITEM_FAILURES must not be set without FunctionResponseTypes: ORDERS ARE BEING LOST",
        )


def _logs(
    settings: dict[str, str], functions: dict[str, dict[str, Any] | None], remedies: Remedies
) -> Iterator[Finding]:
    wish = wanted_logging(settings)
    for name, configuration in functions.items():
        if configuration is not None:
            differing = differences(configuration.get("LoggingConfig") or {}, wish)
            said = ", ".join(f"{key} is {value}" for key, value in differing.items()) or "tuned"
            yield Finding(not differing, f"the log of {name}: {said}", remedies.mappings)


def _table(stage: Stage, settings: dict[str, str], remedies: Remedies) -> Iterator[Finding]:
    client, name = stage.client("dynamodb"), stage.output("OrderTable")
    table = client.describe_table(TableName=name)["Table"]
    stream = (table.get("StreamSpecification") or {}).get("StreamViewType")
    yield Finding(stream == "NEW_AND_OLD_IMAGES", f"the table's stream shows {stream}", remedies.stack)
    if settings.get("DeletionProtection", "true") == "true":
        yield Finding(bool(table.get("DeletionProtectionEnabled")), "the table refuses to be deleted", remedies.stack)
    backups = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    status = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
    yield Finding(status == "ENABLED", f"point-in-time recovery is {status}", remedies.stack)


def _dead_letters(stage: Stage) -> Iterator[Finding]:
    for output in ("OrderDeadLetterQueueUrl", "EventDeadLetterQueueUrl"):
        answer = stage.client("sqs").get_queue_attributes(
            QueueUrl=stage.output(output), AttributeNames=["ApproximateNumberOfMessages"]
        )
        depth = answer["Attributes"]["ApproximateNumberOfMessages"]
        yield Finding(
            depth == "0", f"{output.removesuffix('Url')} holds {depth}", f"ordersctl dlq list --stage {stage.name}"
        )


def _alarms(stage: Stage, settings: dict[str, str], remedies: Remedies) -> Iterator[Finding]:
    with_samples = settings.get("SampleSubscribers", "true") == "true"
    expected = [
        name
        for name, each in templates.resources()["Resources"].items()
        if each["Type"] == "AWS::CloudWatch::Alarm" and (with_samples or "Condition" not in each)
    ]
    pages = (
        stage.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"orders-{stage.name}-")
    )
    alarms = [each for page in pages for each in page["MetricAlarms"]]
    missing = [name for name in expected if not any(f"-{name}" in alarm["AlarmName"] for alarm in alarms)]
    yield Finding(not missing, f"alarms that are missing: {', '.join(missing) or 'none'}", remedies.stack)
    ringing = [alarm["AlarmName"] for alarm in alarms if alarm["StateValue"] == "ALARM"]
    yield Finding(not ringing, f"alarms that ring: {', '.join(ringing) or 'none'}", "docs/operate/operations.md")
