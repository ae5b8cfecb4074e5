"""A hostile text in every place that a queue, the table or a log has for it: no command sends it to the terminal."""

import json
import re

import pytest

from ordersctl.cli import SECTIONS
from testkit import builders
from testkit.lambda_events import stream_record
from tests.tools.operate.stage import OperatedStage

HOSTILE = "\x1b]52;c;cm0gLXJm\x07\x1b[2J\x9b2J\u202e[red]"
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")
ORDER = builders.an_order(note=HOSTILE, status_reason=HOSTILE, customer_id=HOSTILE)


@pytest.fixture
def hostile(stage: OperatedStage) -> OperatedStage:
    """The stage with hostile text in queues, table and log."""
    command = builders.command(customer_id=HOSTILE, correlation_id=HOSTILE, order={HOSTILE: HOSTILE})
    stage.send("queue-dlq", command, reason=HOSTILE.replace("\x1b", "").replace("\x07", ""), source="m1")
    stage.send("queue-dlq", f"not JSON {HOSTILE}".replace("\x1b", "").replace("\x07", ""))
    stage.send("events-dlq", stream_record(None, ORDER), reason="InvalidParameter", source="e1")
    stage.send("inventory-dlq", {"subject": ORDER.order_id, "id": HOSTILE, "type": HOSTILE, "time": HOSTILE})
    stage.store(ORDER)
    line = {"time": builders.NOW, "event": HOSTILE, "order_id": ORDER.order_id, "correlation_id": HOSTILE, "x": HOSTILE}
    logs = stage.state_dir / "logs"
    logs.mkdir(exist_ok=True)
    (logs / "handlers.log").write_text(json.dumps(line) + "\n")
    return stage


COMMANDS = {
    "queues": [["queues"]],
    "dlq": [["dlq", "list"], ["dlq", "show", "ID"], ["dlq", "redrive", "--all", "--yes"]],
    "replay": [["replay", "ORDER", "--yes"]],
    "trace": [["trace", "ORDER"]],
}
NOT_HERE = {"listen"}  # it waits for events: tests/tools/operate/test_listen.py


def test_every_command_for_the_one_on_call_is_here() -> None:
    assert SECTIONS["On call"].keys() - COMMANDS.keys() <= NOT_HERE


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_sends_what_it_finds_to_the_terminal(hostile: OperatedStage, name: str) -> None:
    for arguments in COMMANDS[name]:
        ids = [row["id"] for row in hostile.json("dlq", "list")] if "ID" in arguments else [""]
        for id_ in ids:
            given = [{"ID": id_, "ORDER": ORDER.order_id}.get(each, each) for each in arguments]
            answer = hostile.run(*given)
            assert not CONTROL.search(answer.output), (given, answer.output)
            assert answer.exception is None or isinstance(answer.exception, SystemExit), (given, answer.exception)
