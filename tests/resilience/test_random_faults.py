"""Simulation runs with all faults at once. FAULT_SEEDS is how many (default 20), FAULT_SEED the one to repeat.

`make test` runs the first ones: they have every kind of deployment, and `make faults` runs as many as are asked for.
"""

import os
from dataclasses import fields

import pytest

from testkit.fake_aws.faults import Odds
from testkit.fake_aws.repeatable import repeatable
from tests.resilience.history.checker import check
from tests.resilience.history.evidence import Evidence
from tests.resilience.simulation import SimulationRun
from tests.resilience.stream_mapping import MappingSettings

ORDERS, TURNS = 50, 900
SEEDS = (
    [int(os.environ["FAULT_SEED"])] if "FAULT_SEED" in os.environ else range(int(os.environ.get("FAULT_SEEDS", "20")))
)
IN_MAKE_TEST = 8


def mapping_of(seed: int) -> MappingSettings:
    """Every second seed reports batch item failures, as the package does; some of the others bisect all the same."""
    reporting = seed % 2 == 1
    return MappingSettings(reporting, bisecting=reporting or seed % 4 == 0, parallel=(1, 2, 5)[seed // 2 % 3])


def simulated(seed: int, *, orders: int = ORDERS, turns: int = TURNS) -> Evidence:
    """One run; every third seed has an event bus."""
    mapping, bus = mapping_of(seed), seed % 3 == 2
    environment = {"REPORT_BATCH_ITEM_FAILURES": "1"} if mapping.reporting else {}
    with repeatable(seed, **environment, **({"EVENT_BUS_NAME": "orders"} if bus else {})):
        run = SimulationRun(seed, mapping)
        run.plan(orders)
        return run.run(turns)


@pytest.mark.parametrize(
    "seed", [pytest.param(seed, marks=[pytest.mark.full] if seed >= IN_MAKE_TEST else []) for seed in SEEDS]
)
def test_no_order_is_lost_doubled_or_shown_to_others_whatever_fails(seed: int) -> None:
    evidence = simulated(seed)
    answers = [exchange["status"] for exchange in evidence.history]
    unclear = sum(status in (None, 503) for status in answers)
    findings = check(evidence)
    print(f"seed {seed}: {len(answers)} requests, {unclear} with no answer or 503, {len(evidence.table)} orders,")
    print(f"  {len(evidence.published)} events, {len(evidence.quarantined)} quarantined; history {evidence.digest()}")
    assert not findings, "\n".join([f"FAULT_SEED={seed} repeats this:", *map(str, findings)])


def test_the_same_seed_gives_the_same_history() -> None:
    assert simulated(7, orders=20, turns=300).digest() == simulated(7, orders=20, turns=300).digest()


def test_every_kind_of_fault_happens() -> None:
    """A run in which nothing goes wrong proves nothing."""
    with repeatable(3):
        run = SimulationRun(3, MappingSettings(bisecting=True))
        run.plan(2 * ORDERS)
        evidence = run.run(2 * TURNS)
    happened = run.aws.faults.happened
    drawn = {each.name for each in fields(Odds)}
    assert drawn | {"outage", "clock", "deadline", "bisected"} <= {fault for fault, times in happened.items() if times}
    assert {("ordersctl redrive", "delete_message"), ("ordersctl drop", "delete_message")} <= set(run.aws.calls)
    assert any(event.get("replayed") for event in evidence.published)
    assert {None, 200, 202, 204, 404, 409, 410, 412, 422, 503} <= {exchange["status"] for exchange in evidence.history}
