"""The closed table of acts: what the page may have done, by which command, on which stage."""

import asyncio

import pytest

from ordersctl.console.acts import Acts, Known, RefusedError, run
from ordersctl.console.gauges import Group, groups_of
from ordersctl.shared.runs.current import ENGINE, as_typed
from ordersctl.shared.stage import Stage
from ordersctl.shared.switches import CONSUMERS
from testkit.builders import fresh_order_id

GROUP = Group("orders", "--all $(rm) 'x'", 2, 1, 5.0)


def acts(name: str = "local", *, allowed: bool = True, url: str | None = None) -> Acts:
    stage = Stage.at("local") if name == "local" else Stage(name, Stage.at("local").session, {}, region="eu-west-1")
    made = Acts(stage, url, allowed=allowed)
    made.known = Known({GROUP.id: GROUP}, ("processor", "publisher", "invoicing"))
    return made


def test_each_act_on_the_local_run_is_an_ordersctl_command() -> None:
    order_id, here = fresh_order_id(), acts()
    for act, target, command in (
        ("place", None, ["trigger"]),
        ("burst", None, ["trigger", "--count", "100"]),
        ("poison", None, ["trigger", "--poison"]),
        ("start", None, ["resume", *CONSUMERS]),
        ("pause", "processor", ["pause", "processor"]),
        ("fail", "invoicing", ["pause", "invoicing", "--failing"]),
        ("resume", "invoicing", ["resume", "invoicing"]),
        ("redrive", GROUP.id, ["dlq", "redrive", "--queue", "orders", f"--reason={GROUP.reason}", "--exact", "--yes"]),
        ("drop", GROUP.id, ["dlq", "drop", "--queue", "orders", f"--reason={GROUP.reason}", "--exact", "--yes"]),
        ("replay", order_id, ["replay", "--order", order_id, "--yes"]),
    ):
        assert here.command({"act": act, "target": target}) == command


def test_an_api_other_than_the_runs_is_named() -> None:
    assert acts(url="http://127.0.0.1:8701").command({"act": "place"}) == ["trigger", "--url", "http://127.0.0.1:8701"]


@pytest.mark.parametrize(
    ("act", "target"),
    [
        ("pause", "--help"),
        ("pause", "nobody"),
        ("pause", ["processor"]),
        ("pause", None),
        ("fail", "processor"),
        ("redrive", "orders"),
        ("redrive", {"queue": "orders"}),
        ("drop", "0" * 16),
        ("replay", "--all"),
        ("replay", "ord_1"),
        ("replay", None),
        ("trace", "x"),
        ("", None),
        (None, None),
        (["place"], None),
    ],
)
def test_a_target_that_is_not_known_here_is_refused(act: object, target: object) -> None:
    with pytest.raises(RefusedError):
        acts().command({"act": act, "target": target})


@pytest.mark.parametrize("act", ["place", "burst", "poison", "fail", "start"])
def test_what_makes_orders_or_faults_does_not_exist_on_aws(act: str) -> None:
    with pytest.raises(RefusedError, match="no such act"):
        acts("prod").command({"act": act, "target": "invoicing", "stage": "prod"})


def test_on_aws_an_act_must_be_allowed_and_name_the_stage() -> None:
    pause = {"act": "pause", "target": "processor"}
    with pytest.raises(RefusedError, match="--allow-changes"):
        acts("prod", allowed=False).command({**pause, "stage": "prod"})
    for typed in (None, "", "dev", "PROD", ["prod"]):
        with pytest.raises(RefusedError, match="name of the stage"):
            acts("prod").command({**pause, "stage": typed})
    command = acts("prod").command({**pause, "stage": "prod"})
    assert command == ["pause", "processor", "--yes", "--stage", "prod", "--region", "eu-west-1"]


def test_looking_is_allowed_without_allow_changes() -> None:
    order_id = fresh_order_id()
    looking = acts("prod", allowed=False)
    assert looking.trace(order_id)[:2] == ["trace", order_id]
    with pytest.raises(RefusedError):
        looking.trace("--help")


def test_a_command_is_answered_as_typed_with_what_it_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENGINE, "http://127.0.0.1:9")  # where nothing listens
    done = asyncio.run(run(["pause", "nobody", "--failing"]))
    assert (done["command"], done["ok"]) == (as_typed("pause", "nobody", "--failing"), False)
    assert "--failing is for consumers" in done["output"]


def test_a_reason_too_long_to_be_shown_whole_is_named_by_how_it_begins() -> None:
    (long,) = groups_of([{"queue": "orders", "reason": "x" * 999, "age": 1, "order_id": None}])
    here = acts()
    here.known = Known({long.id: long}, ())
    assert here.command({"act": "drop", "target": long.id})[4:] == [f"--reason={long.reason}", "--yes"]


def test_a_reason_that_no_command_can_name_is_refused() -> None:
    group, here = Group("orders", "a\0b", 1, 0, None), acts()
    here.known = Known({group.id: group}, ())
    with pytest.raises(RefusedError, match="by the ids"):
        here.command({"act": "drop", "target": group.id})
