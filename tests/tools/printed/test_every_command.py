"""Each command of the command line has its two files of what it prints, or a reason to have none."""

import re
from pathlib import Path

import click
import pytest

from testkit.commands import every_command
from tests.tools.printed.form import TEXTS, file

WITHOUT = {
    "run": "prints as long as it runs: tests/e2e/test_run.py, test_order_lines.py",
    "console": "prints its address until it is stopped: tests/tools/console",
    "consumer": "started by run; its lines are a log",
    "event-sources": "started by run; its lines are a log",
    "token": "prints a token of one long word, and nothing else: test_tokens.py",
    "completion": "prints click's script for a shell, whatever the terminal",
    "openapi": "a line for each file that it writes, and these files are other tests' too",
    "event-schemas": "a line for each file that it writes, and these files are other tests' too",
}
NAMES = sorted(name for name, command in every_command().items() if not isinstance(command, click.Group))


@pytest.mark.parametrize("name", NAMES)
def test_a_command_is_compared_with_its_files_or_says_why_not(name: str) -> None:
    files = [file(name, form) for form in ("terminal", "piped")]
    assert [each.exists() for each in files] == [name not in WITHOUT] * 2


def test_there_is_no_file_and_no_reason_for_a_command_that_is_gone() -> None:
    commands = {name.replace(" ", "-") for name in set(NAMES) - WITHOUT.keys()}
    assert {path.name.split(".")[0] for path in TEXTS.iterdir()} == commands
    assert WITHOUT.keys() <= set(NAMES)


def test_a_test_compares_each_command() -> None:
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py") if path != Path(__file__))
    compared = set(re.findall(r'check\(\s*(?:form, (?:shop|project), )?"([a-z -]+)"', tests))
    names = compared | {f"migrate {name}" for name in compared}
    assert set(NAMES) - WITHOUT.keys() - names == set()
