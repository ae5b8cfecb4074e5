"""`ordersctl provision`: makes a stage's resources, and writes their names and policies for `chalice deploy`."""

import json

import click

from chalicelib.settings import Spread
from ordersctl.deploy import settings, spreading
from ordersctl.deploy.chalice_config import environment_variables, record
from ordersctl.deploy.retained.take_over import change
from ordersctl.deploy.stack import Stack
from ordersctl.shared import options, templates
from ordersctl.shared.functions import Function
from ordersctl.shared.output import say, wrote
from ordersctl.shared.project import CHALICE_CONFIG, PROJECT_DIR
from ordersctl.shared.runs.current import as_typed
from ordersctl.shared.stage import Stage, with_stage


@click.command()
@options.yes
@with_stage
def provision(stage: Stage, *, yes: bool) -> None:
    """Create or update a stage's resources, and write their names and policies for `chalice deploy`."""
    stage.refuse_local_run("make run makes what it needs")
    given, tags = settings.stage_settings(stage.name)
    settings.check_dax_client(given)
    template = templates.resources()
    parameters = settings.checked_parameters(template, given)
    client = stage.client("cloudformation")
    timeout = settings.processor_timeout(stage.name)
    settings.check_together(given, region=client.meta.region_name, timeout_seconds=timeout)
    if not stage.is_local:
        issuer = environment_variables(stage.name).get("JWT_ISSUER", "")
        settings.check_issuer("JWT_ISSUER in .chalice/config.json", issuer)
    stack = Stack(client, stage.stack_name)
    if stack.is_whole:
        raise click.ClickException(
            f"{stack.name} was deployed whole: provisioning would remove its functions and its API. "
            f"Use: make package STAGE={stage.name}, then {as_typed('deploy', *stage.option)}"
        )
    spreading.check_only_rises(stack.parameters(), given)
    spread_settings = spreading.steps(_functions_spread(stage), given)
    parameters[spreading.SETTING] = given[spreading.SETTING] = spread_settings[0]
    body = json.dumps(template, separators=(",", ":"))  # CloudFormation takes at most 51,200 bytes in a call
    change(stage, stack, template, parameters, tags, source={"TemplateBody": body}, yes=yes)
    record(stage.name, stack.outputs(), given)
    where = CHALICE_CONFIG.relative_to(PROJECT_DIR)
    wrote(where, f"Next:\n  {stage.chalice_as_typed('deploy')}")
    if len(spread_settings) > 1:
        say(
            f"{spreading.SETTING} is {spread_settings[0]} for now. Then provision and deploy once more: orders are "
            "spread over more keys once the deployed functions read them."
        )


def _functions_spread(stage: Stage) -> Spread | None:
    """Return the customers that the API's function spreads; None where it is not deployed."""
    if stage.is_local:
        return None
    configuration = Function(stage.client("lambda"), f"orders-{stage.name}").configuration()
    if configuration is None:
        return None
    variables = (configuration.get("Environment") or {}).get("Variables", {})
    return spreading.spread_of({spreading.SETTING: variables.get("SPREAD_CUSTOMERS", "")})
