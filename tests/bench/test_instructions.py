"""Instructions of each function, as ratios to the raw handler's accept in the same run, against the baseline."""

import json
import sys

import pytest

from bench.instructions import measure
from bench.instructions.figures import AUTHORIZER, AUTHORIZER_OF_USUAL, Bench
from bench.instructions.packages import ORDERS, PROJECT_DIR, RAW

ALLOWED = 1.05
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
# Ratios to the raw handler, by Python's version, because interpreters differ. A smaller ratio may be written at any
# time, a larger one needs its reason in the commit.
KNOWN = json.loads((PROJECT_DIR / "bench" / "baseline.json").read_text())

pytestmark = [
    pytest.mark.full,  # a minute and a half of valgrind
    pytest.mark.timeout(900),  # on a busy machine
    pytest.mark.skipif(measure.VALGRIND is None, reason="valgrind counts the instructions: not installed"),
    pytest.mark.skipif(PYTHON not in KNOWN, reason=f"bench/baseline.json has no counts of Python {PYTHON}"),
]


@pytest.fixture(scope="module")
def ratios(aws: str) -> dict[str, float]:
    bench = Bench(aws)
    cold_raw, warm_raw = measure.cold_and_warm_instructions(bench.accept(RAW))
    ratios = {
        "cold authorizer": measure.cold_instructions(bench.functions(ORDERS)[AUTHORIZER]) / cold_raw,
        "cold authorizer, a usual issuer's key set": measure.cold_instructions(
            bench.downloading_authorizers()[AUTHORIZER_OF_USUAL]
        )
        / cold_raw,
    }
    for name, program in bench.api(ORDERS).items():
        cold, warm = measure.cold_and_warm_instructions(program)
        ratios |= {f"cold {name}": cold / cold_raw, f"warm {name}": warm / warm_raw}
    for name, (program, orders) in bench.batches(ORDERS).items():
        if orders == 10:
            cold, warm = measure.cold_and_warm_instructions(program, 3)
            ratios |= {f"cold {name}": cold / cold_raw, f"warm {name}": warm / orders / warm_raw}
    return ratios


def test_no_function_takes_more_instructions_than_its_baseline(ratios: dict[str, float]) -> None:
    allowed = {name: ratio * ALLOWED for name, ratio in KNOWN[PYTHON].items()}
    rounded = {name: round(ratio, 3) for name, ratio in ratios.items()}
    assert ratios.keys() == allowed.keys(), json.dumps(rounded)
    assert {name: ratio for name, ratio in ratios.items() if ratio > allowed[name]} == {}, json.dumps(rounded)
