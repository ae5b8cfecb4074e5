"""`dlq list` and `dlq show`: dead letters of all three kinds are found and shown, and stay in their queues."""

import json
from pathlib import Path

import pytest

from testkit import builders
from tests.tools.operate.dlq.dead_letters import KEY_REUSED, a_record, an_event
from tests.tools.operate.stage import OperatedStage


def test_list_shows_every_kind_with_its_reason_its_age_and_its_order(stage: OperatedStage) -> None:
    order = builders.an_order()
    stage.send("queue-dlq", builders.command(), reason=KEY_REUSED, source="m1")
    stage.send("events-dlq", a_record(order), reason="InvalidParameter", source="e1")
    stage.send("inventory-dlq", an_event(order))
    rows = stage.json("dlq", "list")
    assert [(row["queue"], row["order_id"], row["reason"]) for row in rows] == [
        ("orders", order.order_id, KEY_REUSED),
        ("events", order.order_id, "InvalidParameter"),
        ("inventory", order.order_id, "received too often, moved here by SQS"),
    ]
    assert all(0 <= row["age"] < 60 for row in rows)
    table = stage.run("dlq", "list").stdout
    assert all(row["id"][:8] in table for row in rows)


def test_list_filters_by_queue_reason_and_order(stage: OperatedStage) -> None:
    one, two = builders.fresh_order_id(), builders.fresh_order_id()
    stage.send("queue-dlq", builders.command(order_id=one), reason="not JSON")
    stage.send("queue-dlq", builders.command(order_id=two), reason=KEY_REUSED)
    stage.send("invoicing-dlq", {"subject": two})
    assert [row["order_id"] for row in stage.json("dlq", "list", "--reason", "KEY-reused")] == [two]
    assert [row["queue"] for row in stage.json("dlq", "list", "--order", two)] == ["orders", "invoicing"]
    assert [row["queue"] for row in stage.json("dlq", "list", "--queue", "invoicing")] == ["invoicing"]
    assert stage.run("dlq", "list", "--queue", "nobody").exit_code == 2


def test_listing_leaves_every_dead_letter_in_its_queue_and_visible(stage: OperatedStage) -> None:
    for number in range(25):
        stage.send("queue-dlq", f"garbage {number}", reason="not JSON")
    for _ in range(3):
        assert len({row["id"] for row in stage.json("dlq", "list")}) == 25


def test_show_prints_a_dead_letter_whole(stage: OperatedStage) -> None:
    message_id = stage.send("queue-dlq", builders.command(), reason="why")
    shown = stage.run("dlq", "show", message_id[:8])
    assert json.loads(shown.stdout) == builders.command()
    assert "why" in shown.stderr


def test_an_id_that_is_too_short_or_unknown_is_an_error(stage: OperatedStage) -> None:
    assert stage.run("dlq", "show", "abc").exit_code == 2
    assert "0 dead letters" in stage.run("dlq", "show", "abcdef12").output


def test_show_replaces_a_file_only_when_told_to(stage: OperatedStage, tmp_path: Path) -> None:
    message_id, file = stage.send("queue-dlq", builders.command(), reason="why"), tmp_path / "dead-letter.json"
    file.write_text("fixed by hand, not sent yet")
    refused = stage.run("dlq", "show", message_id, "--out", str(file))
    assert (refused.exit_code, file.read_text()) == (2, "fixed by hand, not sent yet")
    assert "--force" in refused.output
    assert stage.run("dlq", "show", message_id, "--out", str(file), "--force").exit_code == 0
    assert json.loads(file.read_text()) == builders.command()


@pytest.mark.parametrize("command", ["redrive", "drop"])
@pytest.mark.parametrize("chosen", [("12345678",), ("--queue", "orders", "--reason", "bla")], ids=" ".join)
@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["text", "json"])
def test_what_matches_nothing_is_an_error(
    stage: OperatedStage, command: str, chosen: tuple[str, ...], as_json: tuple[str, ...]
) -> None:
    stage.send("queue-dlq", "garbage", reason="not JSON")
    done = stage.run("dlq", command, *chosen, "--yes", *as_json)
    assert done.exit_code == 1
    assert f"Error: no dead letter matches {chosen[0] if len(chosen) == 1 else 'these options'}." in done.stderr
    assert stage.depth("queue-dlq") == 1


def test_an_id_that_matches_nothing_is_named_beside_one_that_is_dropped(stage: OperatedStage) -> None:
    good = stage.send("inventory-dlq", "garbage")
    done = stage.run("dlq", "drop", good[:8], "ffffffff-none", "--yes")
    assert (done.exit_code, stage.depth("inventory-dlq")) == (1, 0)
    assert "no dead letter matches ffffffff-none." in done.stderr


@pytest.mark.parametrize(
    "arguments", [("list", "--order", "foo"), ("drop", "12345678", "--all"), ("redrive", "12345678", "--all")]
)
def test_criteria_that_can_choose_nothing_or_contradict_each_other_are_refused(
    stage: OperatedStage, arguments: tuple[str, ...]
) -> None:
    assert stage.run("dlq", *arguments).exit_code == 2


def test_a_list_that_is_cut_says_so_and_counts_the_reasons_of_all(stage: OperatedStage) -> None:
    for number in range(12):
        stage.send("queue-dlq", f"garbage {number}", reason="not JSON" if number else KEY_REUSED)
    cut = stage.run("dlq", "list", "--limit", "5")
    assert len(cut.stdout.splitlines()) == 1 + 5
    assert "5 of 12 shown; --limit N shows more." in cut.stderr
    assert "orders\t11\tnot JSON" in cut.stderr
    assert "5 of 12 shown" in stage.run("dlq", "list", "--limit", "5", "--json").stderr
    assert "2 of 11 shown" in stage.run("dlq", "list", "--limit", "2", "--reason", "not JSON").stderr
    assert "shown" not in stage.run("dlq", "list").stderr
