"""`ordersctl tune`: sets on functions and mappings what `chalice deploy` cannot set; later deploys keep it."""

import json
from collections.abc import Mapping
from typing import Any

import click

from ordersctl.deploy.function_settings import differences, function_names, mapping, wanted, wanted_logging
from ordersctl.deploy.settings import stage_settings
from ordersctl.deploy.stack import deployed_whole
from ordersctl.shared.functions import Function, retried
from ordersctl.shared.output import say
from ordersctl.shared.stage import Stage, with_stage

# What Lambda answers while a mapping is being made or changed, as it is right after `chalice deploy`.
_IN_USE = {"ResourceInUseException", "TooManyRequestsException"}


@click.command()
@with_stage
def tune(stage: Stage) -> None:
    """Set a deployed stage's mappings (retries, record age, failure queue and so on) and its functions' logging."""
    stage.refuse_local_run("its event sources need no settings")
    tune_stage(stage)


def tune_stage(stage: Stage, *, pause_seconds: float = 2.0) -> None:
    """Tune a stage; ClickException when it is not deployed. Waits for mappings that are still being made."""
    settings, _ = stage_settings(stage.name)
    client = stage.client("lambda")
    for name, wish in wanted(stage, settings).items():
        if (found := mapping(client, name)) is None:
            deploy = stage.chalice_as_typed("deploy")
            raise click.ClickException(f"{name} has no event source mapping: {deploy}")
        _tune_mapping(client, name, found, wish, pause_seconds)
    if deployed_whole(stage.outputs()):
        return  # its aliases show versions, whose logging cannot be changed: ordersctl deploy publishes others
    for name in function_names(stage.name):
        _tune_log(Function(client, name, pause_seconds), wanted_logging(settings))


def _tune_mapping(
    client: Any, function: str, found: Mapping[str, Any], wish: Mapping[str, Any], pause_seconds: float
) -> None:
    if not (changes := differences(found, wish)):
        say(f"{function}: as it should be")
        return
    retried(
        lambda: client.update_event_source_mapping(UUID=found["UUID"], **wish),
        passing=_IN_USE,
        pause_seconds=pause_seconds,
    )
    _show(function, changes, wish)


def _tune_log(function: Function, wish: Mapping[str, Any]) -> None:
    configuration = function.configuration()
    if configuration is None:
        raise click.ClickException(f"{function.name} is not deployed")
    found = configuration.get("LoggingConfig") or {}
    if not (changes := differences(found, wish)):
        say(f"{function.name}: logs as it should")
        return
    group = {"LogGroup": found["LogGroup"]} if "LogGroup" in found else {}
    function.update(LoggingConfig={**wish, **group})
    _show(function.name, changes, wish)


def _show(function: str, changes: Mapping[str, Any], wish: Mapping[str, Any]) -> None:
    for name, before in changes.items():
        say(f"{function}: {name} {_written(before)} -> {_written(wish[name])}")


def _written(value: Any) -> str:
    return "not set" if value is None else json.dumps(value)
