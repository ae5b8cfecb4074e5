"""`ordersctl deploy`: deploys a packaged stage as one stack. It can be run again after any failure."""

import copy
import json
from pathlib import Path
from typing import Any

import click

from ordersctl.deploy import settings, spreading
from ordersctl.deploy.artifacts import upload
from ordersctl.deploy.overlay.api_version import set_version
from ordersctl.deploy.overlay.http_api import is_http
from ordersctl.deploy.package import BUILD, TEMPLATE, ZIP
from ordersctl.deploy.release.publish import publish
from ordersctl.deploy.release.shift import Progress
from ordersctl.deploy.release.versions import Releases, short
from ordersctl.deploy.retained.take_over import change
from ordersctl.deploy.stack import Stack
from ordersctl.shared import options
from ordersctl.shared.functions import Function
from ordersctl.shared.output import echo, say
from ordersctl.shared.runs.current import as_typed
from ordersctl.shared.stage import Stage, with_stage


@click.command()
@click.option(
    "--from",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="What was packaged.  [default: build/STAGE]",
)
@click.option("--bucket", help="Where packages go.  [default: orders-artifacts-ACCOUNT-REGION, made when needed]")
@options.yes
@with_stage
def deploy(stage: Stage, directory: Path | None, bucket: str | None, *, yes: bool) -> None:
    """Upload what `ordersctl package` made, and change the stage's stack to it."""
    stage.refuse_local_run("make run starts everything it needs")
    directory = directory or BUILD / stage.name
    if not (directory / TEMPLATE).exists():
        raise click.ClickException(f"{directory} holds no package: make package STAGE={stage.name}")
    template = json.loads((directory / TEMPLATE).read_text())
    parameters, tags = _checked_settings(stage, template)
    stack = Stack(
        stage.client("cloudformation"),
        stage.stack_name,
        watch=Progress(stage.client("lambda"), f"orders-{stage.name}").report,
    )
    _check_not_plain(stage, stack)
    if is_http(parameters) == ("RestAPI" in template["Resources"]):
        raise click.ClickException(f"the package is for another Api: make package STAGE={stage.name}")
    deployed = stack.parameters()
    spreading.check_only_rises(deployed, parameters)
    functions = spreading.spread_of(deployed) if stack.is_whole else None
    spread_settings = spreading.steps(functions, parameters)
    releases = Releases(stage.client("lambda"), stage.name)
    for number, value in enumerate(spread_settings, 1):
        if len(spread_settings) > 1:
            say(f"step {number} of {len(spread_settings)}: {spreading.SETTING} is {value}", err=True)
        given = parameters | {spreading.SETTING: value}
        step = copy.deepcopy(template)
        set_version(step, given)  # the settings may have changed since the stage was packaged
        publish(step, given, (directory / ZIP).read_bytes())
        release = step["Resources"]["APIHandler"]["Properties"]["AutoPublishCodeSha256"]
        releases.remove_failed(release, stack.versions())
        before = releases.live_version(releases.api) or 0
        url = upload(stage, step, directory, bucket)
        change(stage, stack, step, given, tags, source={"TemplateURL": url}, yes=yes)
        _finish(stage, releases, release, before)
    echo(stack.outputs()["EndpointURL"])


def _finish(stage: Stage, releases: Releases, release: str, before: int) -> None:
    """Remove the releases that are not kept; say so when the one that was deployed is not live."""
    if (live := releases.live()) == release:
        releases.remove_passed_over(before)
        releases.remove_old()
        return
    back = as_typed("rollback", *stage.option, "--to", short(release))
    say(f"release {short(live or 'none')} is live, by a rollback; to end that:\n  {back}", err=True)


def _checked_settings(stage: Stage, template: Any) -> tuple[dict[str, str], dict[str, str]]:
    """Return the stack's parameters and tags; ClickException when the stage's settings are not valid."""
    given, tags = settings.stage_settings(stage.name)
    parameters = settings.checked_parameters(template, given)
    settings.check_together(
        given,
        region=stage.client("cloudformation").meta.region_name,
        timeout_seconds=template["Resources"]["ProcessOrders"]["Properties"]["Timeout"],
    )
    if not stage.is_local and not given.get("CognitoUserPoolArn"):
        settings.check_issuer(f"JwtIssuer in infra/stages/{stage.name}.json", given.get("JwtIssuer", ""))
    return parameters, tags


def _check_not_plain(stage: Stage, stack: Stack) -> None:
    """Raise ClickException if `chalice deploy` made the stage's functions: the stack needs their names."""
    if stack.is_whole or stack.is_half_made:
        return
    if Function(stage.client("lambda"), f"orders-{stage.name}-process-orders").configuration() is not None:
        delete = stage.chalice_as_typed("delete")
        raise click.ClickException(
            f"stage {stage.name} was deployed by chalice deploy, and its functions have the names that the stack "
            f"needs. Go on with ordersctl provision and chalice deploy, or first: {delete}"
        )
