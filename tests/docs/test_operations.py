"""docs/operate/operations.md: every command in it is one, and every alarm is in it."""

import re
import shlex
from pathlib import Path

import click
import pytest

from ordersctl.cli import main
from ordersctl.shared.project import PROJECT_DIR

TEXT = (PROJECT_DIR / "docs" / "operate" / "operations.md").read_text()
TEMPLATE = (PROJECT_DIR / "infra" / "resources.yaml").read_text()
DAY_SECONDS = 86_400
COMMANDS = sorted(set(re.findall(r".venv/bin/ordersctl ([^`\n]+)", TEXT)))
TOLD_OF = {"queues", "dlq", "replay", "erase", "listen", "trigger", "trace", "pause", "resume", "console"}


def parse(command: click.Command, arguments: list[str]) -> None:
    """Parse arguments as the command line does, without running the command; click's UsageError if they are invalid."""
    if not isinstance(command, click.Group):
        command.make_context(command.name, list(arguments))
        return
    _, inner, rest = command.resolve_command(click.Context(command), list(arguments))
    assert inner is not None
    parse(inner, rest)


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_on_the_page_is_valid(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dead-letter.json").touch()  # which the line before it made
    parse(main, shlex.split(line))


def test_no_operator_command_is_left_out() -> None:
    assert {line.split()[0] for line in COMMANDS} == TOLD_OF


@pytest.mark.parametrize("line", ["queus", "dlq list --reson x", "replay --since yesterday", "dlq show 2ec"])
def test_a_mistake_in_a_command_is_noticed(line: str) -> None:
    with pytest.raises(click.UsageError):
        parse(main, shlex.split(line))


def test_every_alarm_has_its_paragraph_and_no_other() -> None:
    templates = "".join(Path(path).read_text() for path in sorted((PROJECT_DIR / "infra").glob("*.yaml")))
    alarms = re.findall(r"^  (\w+Alarm):$", templates, re.MULTILINE)
    assert sorted(re.findall(r"^### (\w+)$", TEXT, re.MULTILINE)) == sorted(alarms)


def test_the_documents_say_how_long_the_templates_queues_keep_a_message() -> None:
    (seconds,) = set(re.findall(r"MessageRetentionPeriod: (\d+)", TEMPLATE))
    days = int(seconds) // DAY_SECONDS
    for path, sentence in {
        "operate/operations.md": f"a queue keeps a message for {days} days",
        "operate/operations.md#OrderQueueAgeAlarm": f"the queue keeps orders for {days} days",
        "explain/architecture.md": f"until a processor receives it, for {days} days at most",
        "explain/reliability.md": f"a queue deletes a message {days} days after it was sent",
    }.items():
        text = (PROJECT_DIR / "docs" / path.partition("#")[0]).read_text()
        assert sentence in " ".join(text.split()), sentence
    pages = "".join(path.read_text() for path in (PROJECT_DIR / "docs").rglob("*.md"))
    guides_own = re.findall(r"MessageRetentionPeriod: (\d+)", pages)
    assert len(guides_own) >= 3
    assert set(guides_own) == {seconds}
