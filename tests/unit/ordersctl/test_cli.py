"""The command line as a whole."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ordersctl.cli import COMMANDS, HIDDEN, SECTIONS, main
from ordersctl.shared.project import PROJECT_DIR
from testkit.commands import every_command


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
    assert modules.isdisjoint(
        {"boto3", "chalice", "httpx", *(entry.module for entry in COMMANDS.values())} - {"ordersctl.cli"}
    )


def test_a_mistyped_command_is_answered_with_a_suggestion() -> None:
    done = CliRunner().invoke(main, ["queus"])
    assert done.exit_code == 2
    assert "Did you mean queues?" in done.output


def test_a_mistyped_command_of_a_group_and_option_are_answered_with_a_suggestion() -> None:
    assert "Did you mean 'list'?" in CliRunner().invoke(main, ["dlq", "lst"]).output
    assert "--rate" in CliRunner().invoke(main, ["erase", "--rat", "1"]).output


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text())["project"]
    assert CliRunner().invoke(main, ["--version"]).output == f"ordersctl {project['version']}\n"


@pytest.mark.parametrize("name", every_command())
def test_help_is_in_words_and_fits_80_columns(name: str) -> None:
    shown = CliRunner().invoke(main, [*name.split(), "--help"]).output
    assert not re.search(r"\b(INTEGER|FLOAT|TEXT|PATH|FILENAME|RANGE)\b", shown)  # click's types
    assert not re.search(r"[<>]=|<\w+>|\d\.0[;\]]", shown)  # click's ranges and defaults, placeholders
    assert not re.search(r"^  .*\.\.\.$", shown, re.MULTILINE)  # a summary that was cut off
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize("name", every_command())
def test_every_option_says_what_it_is_for(name: str) -> None:
    options = [each for each in every_command()[name].params if isinstance(each, click.Option)]
    assert [each.opts for each in options if not each.help or each.help.startswith("[")] == []


def test_a_number_out_of_range_is_refused_in_words() -> None:
    refused = CliRunner().invoke(main, ["trigger", "--count", "1001"]).output
    assert "1001 is not in the range 1 to 1000." in refused
    assert "0 is not in the range 1 or more." in CliRunner().invoke(main, ["dlq", "list", "--limit", "0"]).output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_completion(shell: str) -> None:
    assert "_ORDERSCTL_COMPLETE" in CliRunner().invoke(main, ["completion", shell]).output


def test_names_of_commands_are_completed_without_importing_them() -> None:
    code = "import sys; from ordersctl.cli import main; main(prog_name='ordersctl')"
    environment = {"COMP_WORDS": "ordersctl qu", "COMP_CWORD": "1", "_ORDERSCTL_COMPLETE": "bash_complete"}
    command = [sys.executable, "-X", "importtime", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)  # noqa: S603 - our own code
    assert done.stdout == "plain,queues\n"
    assert "boto3" not in done.stderr


def test_the_installed_command_runs_the_project_that_its_environment_stands_in(tmp_path: Path) -> None:
    script = tmp_path / "a project" / ".venv" / "bin" / "ordersctl"
    script.parent.mkdir(parents=True)
    script.write_text((PROJECT_DIR / "ordersctl" / "launcher").read_text())
    script.chmod(0o755)
    (script.parent / "python").symlink_to(sys.executable)
    package = tmp_path / "a project" / "ordersctl"
    package.mkdir()
    (package / "cli.py").write_text("def main(prog_name): print(prog_name, __file__)")
    done = subprocess.run([script], capture_output=True, text=True, check=True, cwd=tmp_path)  # noqa: S603 - our own file
    assert done.stdout == f"ordersctl {package / 'cli.py'}\n"
