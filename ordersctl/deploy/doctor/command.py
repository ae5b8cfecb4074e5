"""`ordersctl doctor`: compares a deployed stage with its templates and settings, and prints the differences."""

import click
from rich.markup import escape

from ordersctl.deploy.doctor.checks import examine
from ordersctl.shared.output import Console
from ordersctl.shared.stage import Stage, with_stage


@click.command()
@with_stage
def doctor(stage: Stage) -> None:
    """Print what is wrong with a deployed stage; exit status 1 if anything is."""
    ill = 0
    for finding in examine(stage):
        mark = "[green]ok[/]  " if finding.fine else "[red]ILL[/] "
        remedy = "" if finding.fine or not finding.remedy else f" -> {finding.remedy}"
        Console(highlight=False, soft_wrap=True).print(mark + escape(finding.what + remedy))
        ill += not finding.fine
    if ill:
        raise click.ClickException(f"{ill} findings")
