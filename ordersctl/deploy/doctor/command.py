"""`ordersctl doctor`: compares a deployed stage with its templates and settings, or looks at the local run."""

import click
from rich.markup import escape

from ordersctl.deploy.doctor.checks import examine
from ordersctl.deploy.doctor.local_run import examine_run
from ordersctl.shared.output import Console, number_of
from ordersctl.shared.runs import current
from ordersctl.shared.stage import Stage, with_stage

_INDENT = 4  # columns, of the lines after a finding's first one


@click.command()
@with_stage
def doctor(stage: Stage) -> None:
    """Print what is wrong with a deployed stage, or with the local run; exit status 1 if anything is.

    Of the local run: Python, disk, clock, processes, ports, pauses, how far the publisher is behind, dead letters.
    """
    ill, console = 0, Console(highlight=False, soft_wrap=True)
    run = current.current() if stage.is_local else None
    for finding in examine(stage) if run is None else examine_run(stage, run):
        mark, colour = ("ok ", "green") if finding.fine else ("ILL", "red")
        remedy = "" if finding.fine or not finding.remedy else f" -> {finding.remedy}"
        line = console.wrapped(f"{mark} {finding.what}{remedy}", indent=" " * _INDENT)
        console.print(f"[{colour}]{mark}[/]{escape(line.removeprefix(mark))}")
        ill += not finding.fine
    if ill:
        raise click.ClickException(number_of(ill, "finding"))
