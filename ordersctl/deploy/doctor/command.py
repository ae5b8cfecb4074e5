"""`ordersctl doctor`: compares a deployed stage with what it should be, and says what is wrong."""

import click
from rich.markup import escape

from ordersctl.deploy.doctor.checks import examine
from ordersctl.shared.output import Console
from ordersctl.shared.stage import Stage, with_stage


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
