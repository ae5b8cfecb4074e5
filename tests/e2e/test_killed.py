"""`kill -9` of a redrive and of a replay at random points, ten times each: nothing is lost."""

import json
import random
import subprocess
from collections import Counter
from functools import partial

import pytest

from chalicelib.domain.orders import Order
from testkit import builders
from testkit.waiting import eventually
from tests.tools.operate.stage import OperatedStage

pytestmark = pytest.mark.full  # twenty processes are started and killed

KILLS = 10


def kill_often(stage: OperatedStage, *arguments: str, watched: str, within: float) -> int:
    """Start a command KILLS times and kill it at a random point after its first effect; returns how often it ran."""
    chance, killed = random.Random(watched), 0
    for _ in range(KILLS):
        before = stage.depth(watched)
        process = stage.start(*arguments)
        eventually(partial(_has_an_effect, stage, process, watched, before))
        killed += stage.killed(process, after=chance.uniform(0, within))
    return killed


def _has_an_effect(stage: OperatedStage, process: "subprocess.Popen[str]", watched: str, before: int) -> bool:
    return process.poll() is not None or stage.depth(watched) != before


def test_a_redrive_that_is_killed_ten_times_loses_nothing(stage: OperatedStage) -> None:
    ids = [builders.fresh_order_id() for _ in range(300)]
    for order_id in ids:
        stage.send("queue-dlq", builders.command(order_id=order_id), reason="the table was away")
    redrive = ("dlq", "redrive", "--queue", "orders", "--yes", "--json", "--hold", "1", "--rate", "100")
    assert kill_often(stage, *redrive, watched="queue-dlq", within=0.1) == KILLS
    # Messages that the killed commands held become visible again.
    eventually(lambda: stage.json("dlq", "redrive", "--all", "--yes") and stage.depth("queue-dlq") == 0)
    redriven = Counter(json.loads(message["Body"])["order_id"] for message in stage.take("queue"))
    assert set(redriven) == set(ids)
    assert redriven.total() <= len(ids) + KILLS  # each kill repeats at most the message between sending and deleting


def test_a_replay_that_is_killed_ten_times_publishes_every_order(stage: OperatedStage) -> None:
    orders = [builders.an_order(order_id=builders.fresh_order_id()) for _ in range(400)]
    stage.store_many(orders)
    stage.publisher_catches_up()
    replay = ("replay", "--since", "2026-01-01", "--yes", "--rate", "300")
    assert kill_often(stage, *replay, "--json", watched="invoicing", within=0.2) == KILLS
    last = stage.json(*replay)
    assert last["read"] == len(orders)
    published: dict[str, set[str]] = {}
    for message in stage.take("invoicing"):
        published.setdefault(json.loads(message["Body"])["id"], set()).add(message["Body"])
    assert set(published) == {_event_id(order) for order in orders}
    assert all(len(bodies) == 1 for bodies in published.values())


def _event_id(order: Order) -> str:
    return f"{order.order_id}.{order.version}"
