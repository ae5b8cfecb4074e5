"""`ordersctl provision`: makes what a stage needs before `chalice deploy`, and writes down what Chalice must know."""

import json

import click

from ordersctl.deploy import settings
from ordersctl.deploy.chalice_config import environment_variables, record
from ordersctl.deploy.retained.take_over import change
from ordersctl.deploy.stack import Stack
from ordersctl.shared import options, templates
from ordersctl.shared.output import echo
from ordersctl.shared.project import CHALICE_CONFIG, PROJECT_DIR
from ordersctl.shared.stage import Stage, with_stage


@click.command()
@options.yes
@with_stage
def provision(stage: Stage, *, yes: bool) -> None:
    """Create or update a stage's resources, and write them down for `chalice deploy`."""
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
            f"Use: make package STAGE={stage.name}, then ordersctl deploy --stage {stage.name}"
        )
    body = json.dumps(template, separators=(",", ":"))  # CloudFormation takes at most 51,200 bytes in a call
    change(stage, stack, template, parameters, tags, source={"TemplateBody": body}, yes=yes)
    record(stage.name, stack.outputs(), given)
    where = CHALICE_CONFIG.relative_to(PROJECT_DIR)
    echo(f"written down in {where}; next: chalice deploy --stage {stage.name}")
