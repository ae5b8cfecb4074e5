"""A stage's settings, checked against the templates' parameters before anything is deployed."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from chalice.config import Config

from ordersctl.deploy import spreading
from ordersctl.deploy.overlay import direct_accept, http_api
from ordersctl.deploy.overlay.intrinsics import broken_rules
from ordersctl.shared import templates
from ordersctl.shared.project import INFRA, PROJECT_DIR, chalice_config
from ordersctl.shared.templates import Template

# Without dependencies: botocore is in Lambda's runtime. The setuptools that builds it is pinned in
# requirements-build.txt.
DAX_CLIENT = (
    ".venv/bin/python -m pip install --require-hashes --no-deps --no-build-isolation --no-compile"
    " --target vendor -r requirements-dax.txt"
)


def stage_file(stage: str) -> Path:
    """Return the file of a stage's settings, whether or not it exists."""
    return INFRA / "stages" / f"{stage}.json"


def stage_settings(stage: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return a stage's parameters and tags, from infra/stages/<stage>.json; ClickException if there are none."""
    path = stage_file(stage)
    try:
        document = json.loads(path.read_text())
        parameters = {name: str(value) for name, value in document["Parameters"].items()}
        tags = dict(document.get("Tags", {}))
    except FileNotFoundError:
        raise click.ClickException(f"there is no stage {stage}: infra/stages/{stage}.json does not exist") from None
    except (ValueError, KeyError, AttributeError) as error:
        raise click.ClickException(f"{path.name}: not {{Parameters: {{…}}, Tags: {{…}}}} ({error!r})") from None
    if unknown := parameters.keys() - templates.every_parameter().keys():
        raise click.ClickException(f"{path.name}: there is no setting {', '.join(sorted(unknown))}")
    if "Stage" in parameters:
        raise click.ClickException(f"{path.name}: Stage is the file's name, and cannot be set")
    return {"Stage": stage, **parameters}, tags


def check_dax_client(given: Mapping[str, str], project: Path = PROJECT_DIR) -> None:
    """Raise ClickException if a stage reads from DAX and the DAX client would not be packaged."""
    if given.get("DaxEndpoint") and not (project / "vendor" / "amazondax").is_dir():
        raise click.ClickException(f"DaxEndpoint needs vendor/amazondax: {DAX_CLIENT}")


def checked_parameters(template: Template, given: Mapping[str, str]) -> dict[str, str]:
    """Return the given values that the template has parameters for.

    ClickException names each value that is not valid, and each rule of the template that they break together.
    """
    known = template["Parameters"]
    wrong = [
        f"{name}: {complaint}"
        for name, definition in known.items()
        if (complaint := _complaint(definition, given.get(name)))
    ]
    if not wrong:
        spreading.spread_of(given)  # which a pattern cannot check as a whole
    if wrong:
        raise click.ClickException("the stage's settings cannot be used:\n  " + "\n  ".join(wrong))
    parameters = {name: value for name, value in given.items() if name in known}
    if broken := broken_rules(template, parameters):
        raise click.ClickException("these settings contradict each other:\n  " + "\n  ".join(broken))
    return parameters


def check_together(given: Mapping[str, str], *, region: str, timeout_seconds: int) -> None:
    """Raise ClickException for settings that are valid one by one, but not together or not in this region.

    `timeout_seconds` is the processor's.
    """
    values = {name: "" if value is None else str(value) for name, value in templates.defaults().items()} | dict(given)
    # AWS Lambda guide, "Using Lambda with Amazon SQS": a message that is being processed must stay invisible.
    least = 6 * timeout_seconds + float(values["OrderBatchingWindow"])
    wrong = []
    if float(values["OrderQueueVisibility"]) < least:
        wrong.append(
            f"OrderQueueVisibility: {values['OrderQueueVisibility']} is less than {least:g}: "
            f"6 x the processor's timeout ({timeout_seconds} s) plus OrderBatchingWindow"
        )
    fewest, most = values["MinCapacity"], values["MaxCapacity"]
    if values["BillingMode"] == "PROVISIONED" and float(fewest) >= float(most):
        wrong.append(f"MaxCapacity: {most} is not above MinCapacity, {fewest}")
    if values["ReplicaRegion"] == region:
        wrong.append(f"ReplicaRegion: {region} is the region of the stage itself")
    wrong += http_api.refusals(values)
    if values["DirectAccept"] == "true":
        wrong += _not_renderable(values)
    if wrong:
        raise click.ClickException("these settings contradict each other:\n  " + "\n  ".join(wrong))


def _not_renderable(values: Mapping[str, str]) -> list[str]:
    """Complaints about claims that no template of API Gateway can name: only templates run with DirectAccept."""
    names = ["CustomerClaim", "ScopeClaim"] if values["CognitoUserPoolArn"] else ["CustomerClaim"]
    return [
        f"{name}: with DirectAccept {values[name]!r} cannot be read: a name of letters, digits, - and _ is needed"
        for name in names
        if not re.fullmatch(direct_accept.RENDERABLE, values[name])
    ]


def processor_timeout(stage: str) -> int:
    """Return the timeout in seconds that Chalice gives a stage's processor."""
    config = Config(stage, "process-orders", config_from_disk=chalice_config())
    return int(config.lambda_timeout or 60)  # Chalice's own default


def check_issuer(setting: str, issuer: str) -> None:
    """Raise ClickException if the issuer is still the example that this project ships."""
    host = urlsplit(issuer).hostname or ""
    if host == "example.com" or host.endswith(".example.com"):
        raise click.ClickException(f"{setting} is still {issuer}: put your own issuer, audience and keys there")


def _complaint(definition: Mapping[str, Any], value: str | None) -> str | None:
    if value is None:
        return None if "Default" in definition else "is not set, and has no default"
    allowed = [str(each) for each in definition.get("AllowedValues", [])]
    if allowed and value not in allowed:
        return f"{value!r} is not one of {', '.join(allowed)}"
    if not re.fullmatch(definition.get("AllowedPattern", r"(?s).*"), value):
        return f"{value!r}: {definition.get('ConstraintDescription', 'does not match the pattern')}"
    if len(value) < int(definition.get("MinLength", 0)):
        return "is empty"
    return _number_complaint(definition, value) if definition["Type"] == "Number" else None


def _number_complaint(definition: Mapping[str, Any], value: str) -> str | None:
    try:
        number = float(value)
    except ValueError:
        return f"{value!r} is not a number"
    least, most = definition.get("MinValue", number), definition.get("MaxValue", number)
    return None if least <= number <= most else f"{value} is not between {least} and {most}"
