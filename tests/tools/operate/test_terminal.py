"""A hostile text in every place that a queue, the table or a log has for it: no command sends it to the terminal."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from ordersctl.cli import SECTIONS, main
from ordersctl.local.printed_lines import PrintedLines
from testkit import builders
from testkit.lambda_events import stream_record
from tests.tools.operate.stage import OperatedStage

HOSTILE = "\x1b]52;c;cm0gLXJm\x07\x1b[2J\x9b2J\u202e[red]"
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")
NESTED = "[" * 100_000  # deeper than a parser goes
MARKUP = "[/b][link=//example.com]x"  # what rich takes for its own
SENT = re.sub("[\x1b\x07]", "", HOSTILE)  # the hostile text without the characters that SQS refuses outside of JSON
ORDER = builders.an_order(note=HOSTILE, status_reason=HOSTILE, customer_id=HOSTILE)


@pytest.fixture
def hostile(stage: OperatedStage) -> OperatedStage:
    """The stage with hostile text in queues, table and log."""
    command = builders.command(customer_id=HOSTILE, correlation_id=HOSTILE, order={HOSTILE: HOSTILE})
    stage.send("queue-dlq", command, reason=SENT, source="m1")
    stage.send("queue-dlq", f"not JSON {SENT}")
    stage.send("events-dlq", stream_record(None, ORDER), reason="InvalidParameter", source="e1")
    stage.send("inventory-dlq", {"subject": ORDER.order_id, "id": HOSTILE, "type": HOSTILE, "time": HOSTILE})
    for queue in ("queue-dlq", "events-dlq", "inventory-dlq"):
        stage.send(queue, NESTED)
        stage.send(queue, {"Type": "Notification", "Message": NESTED})
        stage.send(queue, {"order_id": MARKUP, "subject": MARKUP, "dynamodb": {"Keys": {"order_id": {"S": MARKUP}}}})
    reason: Any = {"reason": {"DataType": "Binary", "BinaryValue": b"\x1b"}}
    stage.sqs.send_message(QueueUrl=stage.url("queue-dlq"), MessageBody="{}", MessageAttributes=reason)
    stage.store(ORDER)
    stage.publisher_catches_up()
    line = {"time": builders.NOW, "event": HOSTILE, "order_id": ORDER.order_id, "correlation_id": HOSTILE, "x": HOSTILE}
    logs = stage.state_dir / "logs"
    logs.mkdir(exist_ok=True)
    (logs / "handlers.log").write_text(json.dumps(line) + "\n")
    return stage


COMMANDS: dict[str, list[str]] = {
    "queues": [],
    "dlq list": [],
    "dlq show": ["ID"],
    "dlq redrive": ["--all", "--yes"],
    "dlq drop": ["--all", "--yes"],
    "erase": ["--customer", builders.CUSTOMER, "--yes", "--wait", "0"],
    "replay": ["--order", ORDER.order_id, "--to", "invoicing", "--yes"],
    "trace": [ORDER.order_id],
}
JSON = sorted(COMMANDS.keys() - {"dlq show"})  # commands that have --json
# tests/tools/operate/test_listen.py, tests/tools/console; the others show no text from queues.
NOT_HERE = {"console", "listen", "load", "pause", "resume", "run", "token", "trigger"}


def leaves(name: str, command: click.Command) -> Iterator[str]:
    """The commands of a group, or a command itself, as they are typed."""
    if isinstance(command, click.Group):
        for each in command.commands.values():
            yield from leaves(f"{name} {each.name}", each)
    else:
        yield name


def test_every_command_that_shows_what_is_in_queues_is_here() -> None:
    context = click.Context(main)
    names = [name for title in ("Run it here", "On call") for name in SECTIONS[title]]
    commands = [(name, main.get_command(context, name)) for name in names]
    found = {leaf for name, command in commands if command is not None for leaf in leaves(name, command)}
    assert found - NOT_HERE == COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_sends_what_it_finds_to_the_terminal(hostile: OperatedStage, name: str) -> None:
    ids = [row["id"] for row in hostile.json("dlq", "list")] if "ID" in COMMANDS[name] else [""]
    for id_ in ids:
        given = [*name.split(), *(id_ if each == "ID" else each for each in COMMANDS[name])]
        answer = hostile.run(*given)
        assert answer.exit_code != 2, answer.output
        assert not CONTROL.search(answer.output), (given, answer.output)
        assert answer.exception is None or isinstance(answer.exception, SystemExit), (given, answer.exception)


@pytest.mark.parametrize("name", JSON)
def test_json_is_exact_and_has_no_control_character_either(hostile: OperatedStage, name: str) -> None:
    answer = hostile.run(*name.split(), *COMMANDS[name], "--json")
    assert not CONTROL.search(answer.stdout)
    shown = json.dumps(json.loads(answer.stdout), ensure_ascii=False)
    if name in {"dlq list", "trace"}:
        assert json.dumps(SENT, ensure_ascii=False)[1:-1] in shown


def of_order(stage: OperatedStage) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = stage.json("dlq", "list")
    return [row for row in rows if (row["queue"], row["order_id"]) == ("inventory", ORDER.order_id)]


def test_a_dead_letter_is_shown_as_exact_json(hostile: OperatedStage) -> None:
    rows = of_order(hostile)
    (shown,) = [hostile.run("dlq", "show", row["id"]).stdout for row in rows]
    assert json.loads(shown)["type"] == HOSTILE


def test_a_file_has_the_body_as_it_was_sent(hostile: OperatedStage, tmp_path: Path) -> None:
    (row,) = of_order(hostile)
    assert hostile.run("dlq", "show", row["id"], "--out", str(tmp_path / "body.json")).exit_code == 0
    assert json.loads((tmp_path / "body.json").read_text())["type"] == HOSTILE


def test_the_local_runs_lines_have_no_control_character() -> None:
    lines: list[str] = []
    printed_lines = PrintedLines(lines.append)
    printed_lines.published(stream_record(None, ORDER))
    printed_lines.published(stream_record(ORDER, ORDER.erase(builders.LATER)))
    assert len(lines) == 2
    assert not CONTROL.search("".join(lines))
