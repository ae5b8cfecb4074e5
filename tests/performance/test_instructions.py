"""Accepting an order takes no more instructions than it did, against the raw handler in the same run."""

import json

import pytest

from bench import events, measure
from bench.figures import Bench
from bench.packages import ORDERS, PROJECT_DIR, RAW

ALLOWED = 1.05
BASELINE = (
    PROJECT_DIR / "bench" / "baseline.json"
)  # ratios to the raw handler; a smaller one may be written at any time

pytestmark = pytest.mark.skipif(measure.VALGRIND is None, reason="valgrind counts the instructions: not installed")


def test_accepting_takes_no_more_instructions_than_it_did() -> None:
    with measure.stub() as url:
        bench = Bench(url)
        ours, raw = bench.accept(ORDERS), bench.accept(RAW)
        ratios = {
            "cold": measure.cold_instructions(ours) / measure.cold_instructions(raw),
            "warm": measure.warm_instructions(ours) / measure.warm_instructions(raw),
        }
        authorizer = bench.program(ORDERS, "app.authorizer", events.authorize())
        ratios["cold authorizer"] = measure.cold_instructions(authorizer) / measure.cold_instructions(raw)
    allowed = {name: ratio * ALLOWED for name, ratio in json.loads(BASELINE.read_text()).items()}
    assert ratios.keys() == allowed.keys()
    assert {name: ratio for name, ratio in ratios.items() if ratio > allowed[name]} == {}, (ratios, allowed)
