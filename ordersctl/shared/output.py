"""What commands print: a table for a person, lines or JSON for a script, and a bar while they work.

In a terminal a table fits the terminal's width, and a sentence has its line ends between words. Anywhere else, as in a
pipe, a table is lines: the columns' names, then one line for each row, separated by tabs, with whole ids and numbers as
they are; an empty line separates two tables. Sentences do not stand among them: beside a table they go to stderr.

Queues, logs and files hold text that anyone may have written. Every command prints through this module, which writes
control characters as escapes instead of sending them to the terminal.
"""

import json
import re
import select
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import click
import rich.box
import rich.console
import rich.table
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

Row = Mapping[str, Any]
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
WIDE = 120  # columns of a terminal in which a table has room for whole order ids
_SHORT_ORDER_ID = 13  # as in the lines of the local run
_NAMES = {"queue", "reader"}  # often made by a template: long, alike at the beginning, told apart at the end
_SHORTEST_NAME, _TEXT = 16, 40  # characters: the least room of a name, and the most that a text claims beside it
_GAP, _EDGES = 3, 2  # spaces between two columns, and around a table
_NEVER_WRAPPED = {"id", "order_id", "age", "oldest", "lag", "waiting", "in_flight", "dead_letters", "count"} | _NAMES
# C0 and C1 control characters, which move the cursor, clear the screen and set the clipboard; characters that reorder
# or hide text (Unicode's bidirectional and zero-width ones, tags), separators of lines, halves of surrogate pairs.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def printable(text: str, *, keep: str = "") -> str:
    """Write the characters of a text that a terminal obeys as escapes, such as \\x1b; characters in `keep` stay."""
    return _UNPRINTABLE.sub(lambda found: found[0] if found[0] in keep else ascii(found[0])[1:-1], text)


def printable_json(document: Any) -> str:
    """A JSON value as indented text, with what a terminal would obey written as JSON's escapes, such as \\u009b."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: found[0] if found[0] == "\n" else json.dumps(found[0])[1:-1], text)


def echo(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print lines. A value from outside that must stay within its line goes through `printable` first."""
    click.echo(printable(text, keep="\n\t"), err=err, nl=nl)


def say(text: str, *, err: bool = False) -> None:
    """Print sentences. In a terminal lines end between words; an indented line, a command to paste, stays whole."""
    echo("\n".join(map(Console(stderr=err).wrapped, text.split("\n"))), err=err)


def wrote(path: Path, remark: str = "", *, err: bool = False) -> None:
    """Print which file was written, in a line that stays whole, and what there is to say about it."""
    echo(f"Written to {path}", err=err)
    if remark:
        say(remark, err=err)


class Console(rich.console.Console):
    """rich's console, for texts and tables of any origin."""

    _has_table = False

    def print(self, *objects: Any, **options: Any) -> None:
        if self.is_terminal:
            super().print(*(_shown(each) for each in objects), **options)
            return
        for each in objects:
            if isinstance(each, rich.table.Table):
                lines = "\n" * self._has_table + _lines(each)
                click.echo(printable(lines, keep="\n\t"), file=self.file)  # rich would expand the tabs
                self._has_table = True
            else:
                super().print(_shown(each), **({"soft_wrap": True} | options))

    def wrapped(self, line: str, *, indent: str = "") -> str:
        """End a line between words where it is longer than the terminal's; words such as ids and paths stay whole."""
        if not self.is_terminal or len(line) <= self.width or line.startswith("  "):
            return line
        return textwrap.fill(line, self.width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


class Table(rich.table.Table):
    """rich's table, for cells of any origin."""

    def add_row(self, *cells: Any, **options: Any) -> None:
        super().add_row(*(_shown(each) for each in cells), **options)


def _shown(value: Any) -> Any:
    return printable(value, keep="\n\t") if isinstance(value, str) else value


def _lines(table: rich.table.Table) -> str:
    """Write a table as lines of cells with tabs between them: names, rows, and what stands below them."""
    rows = [[column.header for column in table.columns]] if table.show_header else []
    rows += [list(row) for row in zip(*(column.cells for column in table.columns), strict=True)]
    rows += [[column.footer for column in table.columns]] if table.show_footer else []
    return "\n".join("\t".join(Text.from_markup(str(cell)).plain for cell in row) for row in rows)


def show(title: str, rows: Sequence[Row], columns: Iterable[str], *, as_json: bool, err: bool = False) -> None:
    """Print rows under the named columns; JSON has every field of every row."""
    if as_json:
        echo(json.dumps(rows, indent=2, default=str))
        return
    console, columns = Console(highlight=False, stderr=err), list(columns)
    if not console.is_terminal:
        lines = [columns, *([_field(row.get(column)) for column in columns] for row in rows)]
        echo("\n".join("\t".join(line) for line in lines), err=err)
        return
    table = Table(title=printable(escape(title)), title_justify="left", box=rich.box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        is_short = column in _NEVER_WRAPPED
        table.add_column(column.replace("_", " "), overflow="fold", no_wrap=is_short)
    cells = {column: [_cell(column, row.get(column), console.width) for row in rows] for column in columns}
    others = _EDGES + sum(
        _GAP + min(_TEXT, max(map(len, (column, *cells[column])))) for column in cells.keys() - _NAMES
    )
    for column in cells.keys() & _NAMES:
        cells[column] = [shortened(each, max(_SHORTEST_NAME, console.width - others)) for each in cells[column]]
    for row_cells in zip(*cells.values(), strict=True):
        table.add_row(*row_cells)
    console.print(table)


def progress_bar(console: rich.console.Console, *, hidden: bool, transient: bool = False) -> Progress:
    """Return a bar that shows a task's description, how much of it is done, and the time that it has taken."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=transient, disable=hidden or not console.is_terminal)


def after_ctrl_c() -> None:
    """End the line into which a terminal has written ^C."""
    if sys.stderr.isatty():
        click.echo(err=True)


def has_no_reader(stream: TextIO) -> bool:
    """Return whether the program at the other end of this pipe has ended; False for a terminal or a file."""
    waiting = select.poll()
    waiting.register(stream, 0)  # POLLERR and POLLHUP are always reported
    return any(happened & (select.POLLERR | select.POLLHUP) for _, happened in waiting.poll(0))


def duration(seconds: float) -> str:
    """Write a duration as a person would: 42 s, 5 min, 3 h, 2 d."""
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"


def _field(value: Any) -> str:
    """Write a value into a line of tab-separated ones; one that is unknown is empty."""
    return "" if value is None else printable(str(value))


def _cell(column: str, value: Any, width: int) -> str:
    if value is None:
        return "-"
    if column == "id":
        return escape(printable(str(value))[:8])  # enough characters to type; lines and JSON have the whole id
    if column == "order_id" and width < WIDE:
        text = printable(str(value))
        return escape(text if len(text) <= _SHORT_ORDER_ID else f"{text[: _SHORT_ORDER_ID - 1]}…")
    if column in {"age", "oldest", "lag"}:
        return duration(value)
    return escape(printable(str(value)))


def shortened(name: str, most: int) -> str:
    """Leave out the middle of a name or id, since many begin alike; a pipe and JSON have it whole."""
    end = (most - 1) // 2
    return name if len(name) <= most else f"{name[: most - 1 - end]}…{name[-end:]}"


def number_of(count: int, noun: str) -> str:
    """Return a count with its noun, which takes an s for more than one."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
