"""`ordersctl doctor`: compares a deployed stage with its templates and settings, or looks at the local run."""

import click
from rich.markup import escape

from ordersctl.deploy.doctor.checks import examine
from ordersctl.deploy.doctor.findings import Finding
from ordersctl.deploy.doctor.local_run import examine_run
from ordersctl.shared.output import Console, number_of
from ordersctl.shared.runs import current
from ordersctl.shared.stage import Stage, with_stage

_INDENT = " " * 5  # of the lines after a finding's first one


@click.command()
@with_stage
def doctor(stage: Stage) -> None:
    """Print what is wrong with a deployed stage, or with the local run; exit status 1 if anything is.

    Of the local run: Python, disk, clock, processes, ports, pauses, how far the publisher is behind, dead letters.
    """
    failed, console = 0, Console(highlight=False, soft_wrap=True)
    run = current.current() if stage.is_local else None
    for finding in examine(stage) if run is None else examine_run(stage, run):
        mark, colour = ("ok  ", "green") if finding.fine else ("FAIL", "red")
        console.print(f"[{colour}]{mark}[/]{escape(_line(console, mark, finding).removeprefix(mark))}")
        failed += not finding.fine
    if failed:
        raise click.ClickException(number_of(failed, "finding"))


def _line(console: Console, mark: str, finding: Finding) -> str:
    """Return a finding with its remedy; a terminal too narrow for both gets the remedy below, whole, to paste."""
    what = f"{mark} {finding.what}"
    remedy = "" if finding.fine or not finding.remedy else f"-> {finding.remedy}"
    if console.is_terminal and len(f"{what} {remedy}") > console.width:
        return "\n".join([console.wrapped(what, indent=_INDENT), *([f"{_INDENT}{remedy}"] if remedy else [])])
    return f"{what} {remedy}".rstrip()
