"""`ordersctl tune`: sets on a stage's functions and mappings what `chalice deploy` cannot; a later deploy leaves it."""

from typing import Any

import click

from ordersctl.deploy.function_settings import differences, function_names, wanted, wanted_logging
from ordersctl.estimate.power_tuning.temporary_settings import Function
from ordersctl.shared import templates
from ordersctl.shared.stage import Stage, with_stage


@click.command()
@with_stage
def tune(stage: Stage) -> None:
    """Set retries, record age, failure queue and so on of a deployed stage's mappings, and what its functions log."""
    settings, _ = templates.stage_settings(stage.name)
    client = stage.client("lambda")
    for function, wish in wanted(stage.name, settings, event_dead_letter_queue_arn(stage)).items():
        found = mapping(client, function)
        if found is None:
            raise click.ClickException(f"{function} has no event source mapping: chalice deploy --stage {stage.name}")
        if not (changes := differences(found, wish)):
            click.echo(f"{function}: as it should be")
            continue
        client.update_event_source_mapping(UUID=found["UUID"], **wish)
        for name, before in changes.items():
            click.echo(f"{function}: {name} {before} -> {wish[name]}")
    for function in function_names(stage.name):
        _tune_log(client, function, wanted_logging(settings))


def _tune_log(client: Any, function: str, wish: dict[str, Any]) -> None:
    try:
        found = client.get_function_configuration(FunctionName=function).get("LoggingConfig") or {}
    except client.exceptions.ResourceNotFoundException as error:
        raise click.ClickException(f"{function} is not deployed") from error
    if not (changes := differences(found, wish)):
        click.echo(f"{function}: logs as it should")
        return
    group = {"LogGroup": found["LogGroup"]} if "LogGroup" in found else {}
    Function(client, function).update(LoggingConfig={**wish, **group})
    for name, before in changes.items():
        click.echo(f"{function}: {name} {before} -> {wish[name]}")


def mapping(client: Any, function: str) -> dict[str, Any] | None:
    """Return a function's event source mapping; None when it has none, ClickException when it has several."""
    found: list[dict[str, Any]] = client.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    if len(found) > 1:
        raise click.ClickException(f"{function} has {len(found)} event source mappings: delete those of old sources")
    return found[0] if found else None


def event_dead_letter_queue_arn(stage: Stage) -> str:
    answer = stage.client("sqs").get_queue_attributes(
        QueueUrl=stage.output("EventDeadLetterQueueUrl"), AttributeNames=["QueueArn"]
    )
    return str(answer["Attributes"]["QueueArn"])
