"""Showing what a change set would do, and asking before it is done."""

import click
from rich.console import Console
from rich.table import Table

from ordersctl.deploy.stack import Plan, Stack


def carry_out(stack: Stack, plan: Plan | None, *, yes: bool) -> None:
    """Show a plan, ask unless told not to, and do it. Aborts, and takes the change set back, when the answer is no."""
    if plan is None:
        click.echo(f"{stack.name}: nothing to change")
        return
    table = Table("", "resource", "type")
    for change in plan.changes:
        table.add_row(change.action + (" (replaced)" if change.replaced else ""), change.resource, change.kind)
    Console().print(table)
    if not yes and not click.confirm(f"Change {stack.name} like this?"):
        stack.abandon(plan)
        raise click.Abort
    stack.apply(plan)
    click.echo(f"{stack.name}: done")
