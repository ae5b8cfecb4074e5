"""The command line as a whole."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from ordersctl.cli import COMMANDS, HIDDEN, SECTIONS, main


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_exists_and_has_a_help_text(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.help
    assert command.name == name


def test_the_help_lists_the_commands_in_sections_and_leaves_out_the_hidden_ones() -> None:
    lines = CliRunner().invoke(main, ["-h"]).output.splitlines()
    for section, commands in SECTIONS.items():
        start = lines.index(f"{section}:") + 1
        listed = [line.split()[0] for line in lines[start : start + len(commands)]]
        assert listed == list(commands)
    assert not any(line.split()[:1] == [name] for line in lines for name in HIDDEN)


def test_the_help_is_printed_without_importing_any_command() -> None:
    code = "import sys; from ordersctl.cli import main; main(['--help'], standalone_mode=False); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - our own code
    modules = set(done.stdout.splitlines()[-1].split())
    assert modules.isdisjoint({"boto3", "chalice", "httpx", *(entry.module for entry in COMMANDS.values())})


def test_a_mistyped_command_is_answered_with_a_suggestion() -> None:
    done = CliRunner().invoke(main, ["queus"])
    assert done.exit_code == 2
    assert "Did you mean queues?" in done.output
