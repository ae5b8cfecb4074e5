"""Lives under all faults at once. FAULT_SEEDS says how many (default 20), FAULT_SEED names one to repeat."""

import os
from dataclasses import fields

import pytest

from testkit.fake_aws.lambda_ import repeatable
from tests.resilience.checker import check
from tests.resilience.evidence import Evidence
from tests.resilience.faults import Odds
from tests.resilience.simulation import Life

ORDERS, TURNS = 50, 900
SEEDS = (
    [int(os.environ["FAULT_SEED"])] if "FAULT_SEED" in os.environ else range(int(os.environ.get("FAULT_SEEDS", "20")))
)


def live(seed: int, *, orders: int = ORDERS, turns: int = TURNS) -> Evidence:
    """One life; every second seed with mappings that read what handlers report, every third with an event bus."""
    reporting, bus = seed % 2 == 1, seed % 3 == 2
    environment = {"REPORT_BATCH_ITEM_FAILURES": "1"} if reporting else {}
    with repeatable(seed, **environment, **({"EVENT_BUS_NAME": "orders"} if bus else {})):
        life = Life(seed, reporting=reporting)
        life.plan(orders)
        return life.run(turns)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_order_is_lost_doubled_or_shown_to_others_whatever_fails(seed: int) -> None:
    evidence = live(seed)
    answers = [exchange["status"] for exchange in evidence.history]
    unclear = sum(status in (None, 503) for status in answers)
    findings = check(evidence)
    print(f"seed {seed}: {len(answers)} requests, {unclear} without a clear answer, {len(evidence.table)} orders,")
    print(f"  {len(evidence.published)} events, {len(evidence.quarantined)} quarantined; history {evidence.digest()}")
    assert not findings, "\n".join([f"FAULT_SEED={seed} repeats this:", *map(str, findings)])


def test_the_same_seed_gives_the_same_history() -> None:
    assert live(7, orders=20, turns=300).digest() == live(7, orders=20, turns=300).digest()


def test_every_kind_of_fault_happens() -> None:
    """A life in which nothing goes wrong proves nothing."""
    with repeatable(3):
        life = Life(3)
        life.plan(2 * ORDERS)
        evidence = life.run(2 * TURNS)
    happened = life.cloud.weather.happened
    drawn = {each.name for each in fields(Odds)}
    assert drawn | {"outage", "clock", "deadline", "dead letter"} <= {
        fault for fault, times in happened.items() if times
    }
    assert {None, 200, 202, 204, 404, 409, 410, 412, 422, 503} <= {exchange["status"] for exchange in evidence.history}
