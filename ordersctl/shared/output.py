"""What commands print: a table for a person or JSON for a script, and a bar while they work."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

Row = Mapping[str, Any]
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def show(title: str, rows: Sequence[Row], columns: Iterable[str], *, as_json: bool) -> None:
    """Print rows under the named columns; JSON has every field of every row."""
    if as_json:
        click.echo(json.dumps(rows, indent=2, default=str))
        return
    table = Table(title=escape(title), title_justify="left")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(column, row.get(column)) for column in columns))
    Console().print(table)


def progress_bar(console: Console, *, hidden: bool, transient: bool = False) -> Progress:
    """Return a bar that shows a task's description, how much of it is done, and the time that it has taken."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=transient, disable=hidden)


def duration(seconds: float) -> str:
    """Write a duration as a person would: 42 s, 5 min, 3 h, 2 d."""
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"


def _cell(column: str, value: Any) -> str:
    if value is None:
        return "-"
    if column == "id":
        return str(value)[:8]  # enough to type; JSON has it whole
    if column in {"age", "oldest", "lag"}:
        return duration(value)
    return escape(str(value))
