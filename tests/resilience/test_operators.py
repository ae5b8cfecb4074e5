"""An operator's command is killed at each of its AWS calls, before the call's effect and after it, and run again."""

import random
from dataclasses import replace

import pytest

from ordersctl.operate.dlq.command import drop, redrive
from ordersctl.operate.replay.command import replay
from testkit.fake_aws.faults import NO_FAULTS, THROTTLED, CrashPoint
from testkit.fake_aws.repeatable import repeatable
from testkit.fake_aws.stage import run_command
from tests.resilience.history.checker import check
from tests.resilience.scenarios import Client, Request, Scenario, new_order
from tests.resilience.simulation import SimulationRun

COMMANDS = {
    "redrive": (redrive, ["--queue", "orders"]),
    "drop": (drop, ["--queue", "orders"]),
    "replay": (replay, ["--customer", "anna"]),
}


def place(name: str, key: str) -> Scenario:
    body = new_order(random.Random(name), name)
    yield Request("POST", "/orders", "anna", body=body, headers={"Idempotency-Key": key})


def read(order_ids: list[str]) -> Scenario:
    for order_id in order_ids:
        yield Request("GET", f"/orders/{order_id}", "anna")


def with_dead_letters() -> SimulationRun:
    """A run with two orders that are published, and dead letters: garbage, two orders, and a second body of a key."""
    run = SimulationRun(1, odds=NO_FAULTS)
    _post(run, ["stored", "stored-too"])
    _work(run)
    run.aws.faults.outages["dynamodb"] = (run.aws.now + 1_000, THROTTLED)
    _post(run, ["late", "late-too", "stored"])
    run.inject_message("garbage")
    for _ in range(4):
        run.queue_turn(10)
        run.aws.now += 300
    assert len(run.aws.order_dlq.messages) == 4
    return run


def _post(run: SimulationRun, keys: list[str]) -> None:
    for key in keys:
        client = Client(place(f"order {len(run.clients)}", key))
        run.clients.append(client)
        run.advance(client)


def _work(run: SimulationRun) -> None:
    run.queue_turn(10)
    for lane in run.stream.lanes:
        run.stream.turn(lane)


def calls_of(name: str) -> int:
    """How many AWS calls a command makes that nobody kills."""
    with repeatable(1):
        run = with_dead_letters()
        before = len(run.aws.calls)
        run_command(run.aws, *COMMANDS[name])
        return len(run.aws.calls) - before


def was_killed(run: SimulationRun) -> bool:
    return run.aws.faults.crash_point is None


@pytest.mark.parametrize("name", COMMANDS)
def test_an_operator_s_command_that_is_killed_loses_and_doubles_nothing(name: str) -> None:
    points = [CrashPoint(number, after_effect=after) for number in range(calls_of(name)) for after in (False, True)]
    assert len(points) > 6
    for point in points:
        with repeatable(1):
            run = with_dead_letters()
            run.aws.faults.crash_point = replace(point)
            run_command(run.aws, *COMMANDS[name])
            assert was_killed(run), f"{point} was never reached"
            run.aws.now += 60  # until the dead letters that it held are visible again
            _work(run)
            run_command(run.aws, *COMMANDS[name])
            run.clients.append(Client(read([each.body["order_id"] for each in run.history if each.status == 202])))
            evidence = run.come_to_rest()
        assert not check(evidence), (point, [*map(str, check(evidence))])
        assert any(event.get("replayed") for event in evidence.published) == (name == "replay")
        assert {each["status"]["S"] for each in evidence.table.values()} <= {"placed", "rejected"}


@pytest.mark.parametrize(("name", "expected"), [("redrive", "placed"), ("drop", "rejected")])
def test_dead_letters_of_orders_are_redriven_or_stored_as_rejected(name: str, expected: str) -> None:
    with repeatable(1):
        run = with_dead_letters()
        run_command(run.aws, *COMMANDS[name])
        _work(run)
        statuses = sorted(item["status"]["S"] for item in run.aws.table.items.values())
        assert statuses == sorted(["placed", "placed", expected, expected])
