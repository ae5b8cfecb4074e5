"""Output to the terminal: control characters from queues, logs and files are printed as escapes."""

import ast
import io
import json
import re
from itertools import pairwise
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ordersctl import cli
from ordersctl.shared import output
from ordersctl.shared.project import PROJECT_DIR

HOSTILE = {
    "clear the screen": ("\x1b[2J", "\\x1b[2J"),
    "set the clipboard (OSC 52)": ("\x1b]52;c;cm0gLXJm\x07", "\\x1b]52;c;cm0gLXJm\\x07"),
    "the one-byte CSI": ("\x9b2J", "\\x9b2J"),
    "overwrite the line": ("paid\r\x08", "paid\\r\\x08"),
    "reorder text": ("\u202egnp.exe", "\\u202egnp.exe"),
    "isolate text": ("a\u2066b", "a\\u2066b"),
    "hide text": ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),
    "end a line": ("a\u2028b", "a\\u2028b"),
    "invisible tags": ("\U000e0041", "\\U000e0041"),
    "half of a surrogate pair": ("\ud800", "\\ud800"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_control_character_is_written_as_an_escape(what: str) -> None:
    hostile, shown = HOSTILE[what]
    assert output.printable(hostile) == shown
    console = output.Console(file=io.StringIO(), width=80)
    table = output.Table("column")
    table.add_row(hostile)
    console.print(table)
    console.print(hostile, markup=False)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().count(shown) == 2
    assert hostile not in console.file.getvalue()


def test_other_text_stays_as_it_is() -> None:
    text = "Größe 10 € 🎁 \U0001f468 日本語 a b"
    assert output.printable(text) == text


def test_a_value_stays_within_its_line_and_a_message_may_have_several(capsys: pytest.CaptureFixture[str]) -> None:
    assert output.printable("one\ntwo") == "one\\ntwo"
    output.echo("one\ntwo\tthree\x1b")
    assert capsys.readouterr().out == "one\ntwo\tthree\\x1b\n"


def test_rows_are_shown_without_markup_and_json_is_exact(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TERM", "dumb")
    rows = [{"reason": "[red]no[/red]\x1b[2J\nforged line"}]
    output.show("[bold]title[/bold]", rows, ["reason"], as_json=False)
    shown = capsys.readouterr().out
    assert "[red]no[/red]\\x1b[2J\\nforged line" in shown
    assert "[bold]title[/bold]" in shown
    output.show("title", rows, ["reason"], as_json=True)
    assert json.loads(capsys.readouterr().out) == rows


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 80 columns without colours, as rich sees it."""
    for name, value in {"TTY_COMPATIBLE": "1", "TERM": "dumb", "COLUMNS": "80"}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("order_id", ["[/b][link=//example.com]x", "[/b]", "[red]x", "a\\[b]"])
@pytest.mark.parametrize("column", ["order_id", "id", "reason"])
def test_an_order_id_with_markup_is_shown_as_it_is(
    order_id: str, column: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output.show("", [{column: order_id}], [column], as_json=False)
    shown = capsys.readouterr().out.split()[-1]
    cut = {"order_id": f"{order_id[:12]}…", "id": order_id[:8], "reason": order_id}[column]
    assert shown == (order_id if len(order_id) <= 8 else cut)


STEM = "orders-consumers-prod-InvoicingEventsQueue"
WIDE = [
    {"queue": f"{STEM}-{end}", "holds": "dead letters", "waiting": 123_456, "state": "nobody consumes", "reason": None}
    for end in ("AAAAAAAAAA01", "AAAAAAAAAA02")
]


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("reason", [None, "a long reason, " * 9])
def test_long_names_lose_their_middle_and_no_line_wraps(capsys: pytest.CaptureFixture[str], reason: str | None) -> None:
    columns = ["queue", "holds", "waiting", "state", *(["reason"] if reason else [])]
    output.show("Queues", [row | {"reason": reason} for row in WIDE], columns, as_json=False)
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert max(map(len, lines)) <= 80
    first, second = (line.split()[0] for line in lines if line.startswith("orders-"))
    assert (first[-5:], second[-5:], "…" in first) == ("AAA01", "AAA02", True)
    assert all(len(line.split()[0]) >= 16 for line in lines if line.startswith("orders-"))
    assert len(lines) == 7 or reason  # a reason may have several lines, and nothing else has


@pytest.mark.usefixtures("terminal")
def test_names_are_whole_where_there_is_room(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")  # rich takes a dumb terminal to be 80 columns wide
    output.show("Queues", WIDE, ["queue", "holds", "waiting", "state"], as_json=False)
    assert WIDE[0]["queue"] in capsys.readouterr().out.split()


def test_names_are_whole_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    output.show("Queues", WIDE, ["queue", "waiting"], as_json=False)
    assert capsys.readouterr().out.splitlines()[1] == f"{STEM}-AAAAAAAAAA01\t123456"


def test_an_error_that_repeats_such_text_shows_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def fails() -> None:
        raise click.ClickException("nothing is known of \x1b[2J")

    monkeypatch.setattr(cli.LazyGroup, "get_command", lambda *_: fails)
    answer = CliRunner().invoke(cli.main, ["trace"])
    assert answer.exit_code == 1
    assert "\\x1b[2J" in answer.output
    assert "\x1b" not in answer.output


COUNTED = (
    "alarms|alarm|attempts|changes|customers|dashboards|days|events|files|findings|functions|hours|invoices|keys|letters|"
    "lines|mappings|messages|metrics|minutes|orders|prices|questions|queues|reasons|records|releases|resources|rows|"
    "secrets|seconds|steps|sums|times|units|versions"
)


def counts_without_a_singular(path: Path) -> list[str]:
    """The texts in which a number that is not a constant stands before a plural: "1 orders" at some time."""
    texts = [node.values for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.JoinedStr)]
    return [
        f"{ast.unparse(value.value)}{after.value!s}"
        for parts in texts
        for value, after in pairwise(parts)
        if isinstance(value, ast.FormattedValue)
        and isinstance(after, ast.Constant)
        and not re.fullmatch("_?[A-Z_]+", ast.unparse(value.value))
        and re.match(rf" (?:[a-z-]+ )?(?:{COUNTED})\b", str(after.value))
    ]


# What stands before such a word and is no number, or more than one.
NO_NUMBERS = ("stage.stack_name", "self._place()")


def test_a_count_without_a_singular_is_found(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text('f"{len(found)} dead letters"; f"{number_of(2, \'order\')} sent"; f"{count} of {a} orders"')
    assert len(counts_without_a_singular(module)) == 2


def modules() -> list[Path]:
    return sorted(path for path in (PROJECT_DIR / "ordersctl").rglob("*.py") if path.name != "output.py")


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PROJECT_DIR)))
def test_every_command_prints_through_this_module(path: Path) -> None:
    around = {"print", "click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write"}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not called & around
    assert not imported & {"rich.console", "rich.table", "rich"}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PROJECT_DIR)))
def test_a_number_has_its_noun_by_number_of(path: Path) -> None:
    assert [each for each in counts_without_a_singular(path) if not each.startswith(NO_NUMBERS)] == []
