"""What Chalice cannot say of functions and mappings, as infra/package.yaml says it for the packaged way."""

from collections.abc import Mapping
from typing import Any

from ordersctl.shared.templates import INFRA, every_parameter, load

# Chalice writes these itself, at each deploy; the last is right only where the code reports failures by its answer.
_NOT_OURS = {"Queue", "Stream", "BatchSize", "MaximumBatchingWindowInSeconds", "FunctionResponseTypes"}
FUNCTIONS = {"ProcessOrders": "process-orders", "PublishEvents": "publish-events"}


def function_names(stage: str) -> list[str]:
    return [f"orders-{stage}"] + [f"orders-{stage}-{name}" for name in ("authorizer", *FUNCTIONS.values())]


def wanted(stage: str, settings: Mapping[str, str], event_dead_letter_queue_arn: str) -> dict[str, dict[str, Any]]:
    """Return function name -> what its mapping should be set to, as UpdateEventSourceMapping takes it."""
    values = _values(settings)
    resources = load(INFRA / "package.yaml")["Resources"]
    result = {}
    for logical, suffix in FUNCTIONS.items():
        (event,) = resources[logical]["Properties"]["Events"].values()
        properties = {name: each for name, each in event["Properties"].items() if name not in _NOT_OURS}
        result[f"orders-{stage}-{suffix}"] = _resolved(properties, values, event_dead_letter_queue_arn)
    return result


def wanted_logging(settings: Mapping[str, str]) -> dict[str, Any]:
    """Return what a function should log, as UpdateFunctionConfiguration takes it; its group stays what it is."""
    logging = load(INFRA / "package.yaml")["Resources"]["APIHandler"]["Properties"]["LoggingConfig"]
    levels = {name: value for name, value in logging.items() if name != "LogGroup"}
    return {**levels, "SystemLogLevel": _values(settings)[levels["SystemLogLevel"]["Ref"]]}


def _values(settings: Mapping[str, str]) -> dict[str, Any]:
    return {name: each.get("Default") for name, each in every_parameter().items()} | dict(settings)


def _resolved(value: Any, values: Mapping[str, Any], arn: str) -> Any:
    match value:
        case {"Ref": name}:
            return int(values[name])
        case {"OnFailure": {"Destination": _}}:  # SAM wants its type too, the API does not
            return {"OnFailure": {"Destination": arn}}
        case dict():
            return {key: _resolved(each, values, arn) for key, each in value.items()}
    return value


def differences(found: Mapping[str, Any], wish: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is found where it is not as wished."""
    return {name: found.get(name) for name, value in wish.items() if found.get(name) != value}
