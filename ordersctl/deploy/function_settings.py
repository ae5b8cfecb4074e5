"""The settings of functions and event source mappings that Chalice cannot make, read from infra/package.yaml."""

from collections.abc import Mapping
from typing import Any

import click
from botocore.exceptions import ClientError

from ordersctl.shared import templates
from ordersctl.shared.functions import ALIAS
from ordersctl.shared.stage import Stage

# Chalice sets these itself at each deploy; the last one is right only if the code reports failures in its answer.
_CHALICE_SETS = {"Queue", "Stream", "BatchSize", "MaximumBatchingWindowInSeconds", "FunctionResponseTypes"}
FUNCTIONS = {"ProcessOrders": "process-orders", "PublishEvents": "publish-events"}


def function_names(stage: str, *, http: bool = False) -> list[str]:
    """Return the names of a stage's functions on AWS: API, authorizer (not with an HTTP API), processor, publisher."""
    authorizer = [] if http else ["authorizer"]
    return [f"orders-{stage}"] + [f"orders-{stage}-{name}" for name in (*authorizer, *FUNCTIONS.values())]


def wanted(stage: Stage, settings: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return function name -> the wanted settings of its mapping, as UpdateEventSourceMapping takes them."""
    values, on_failure = _values(settings), stage.queue_arn(stage.output("EventDeadLetterQueueUrl"))
    resources = templates.load(templates.PACKAGE)["Resources"]
    result = {}
    for logical, suffix in FUNCTIONS.items():
        (event,) = resources[logical]["Properties"]["Events"].values()
        properties = {name: each for name, each in event["Properties"].items() if name not in _CHALICE_SETS}
        result[f"orders-{stage.name}-{suffix}"] = _resolved(properties, values, on_failure)
    return result


def wanted_logging(settings: Mapping[str, str]) -> dict[str, Any]:
    """Return the wanted LoggingConfig, as UpdateFunctionConfiguration takes it, without the log group."""
    logging = templates.load(templates.PACKAGE)["Resources"]["APIHandler"]["Properties"]["LoggingConfig"]
    levels = {name: value for name, value in logging.items() if name != "LogGroup"}
    return {**levels, "SystemLogLevel": _values(settings)[levels["SystemLogLevel"]["Ref"]]}


def _values(settings: Mapping[str, str]) -> dict[str, Any]:
    return templates.defaults() | dict(settings)


def _resolved(value: Any, values: Mapping[str, Any], on_failure: str) -> Any:
    match value:
        case {"Ref": name}:
            return int(values[name])
        case {"OnFailure": {"Destination": _}}:  # SAM needs the destination's type too; the API does not take it
            return {"OnFailure": {"Destination": on_failure}}
        case dict():
            return {key: _resolved(each, values, on_failure) for key, each in value.items()}
    return value


def differences(found: Mapping[str, Any], wish: Mapping[str, Any]) -> dict[str, Any]:
    """Return name -> found value of each setting whose value is not the wanted one."""
    return {name: found.get(name) for name, value in wish.items() if found.get(name) != value}


def _mappings(client: Any, function: str) -> list[dict[str, Any]]:
    try:
        return list(client.list_event_source_mappings(FunctionName=function)["EventSourceMappings"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return []  # there is no such function, or it has no alias


def mapping(client: Any, function: str) -> dict[str, Any] | None:
    """Return the event source mapping of a function or its alias; None for none, ClickException for several."""
    found = _mappings(client, function) or _mappings(client, f"{function}:{ALIAS}")
    if len(found) > 1:
        raise click.ClickException(f"{function} has {len(found)} event source mappings: delete those of old sources")
    return found[0] if found else None
