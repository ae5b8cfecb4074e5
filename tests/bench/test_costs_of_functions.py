"""What each function costs: instructions, as ratios to the raw handler's accept in the same run, and calls to AWS.

Both in one file, and so in one worker: the packages that are measured are built in one place.
"""

import json
import sys

import pytest

from bench.instructions import figures, measure
from bench.instructions.figures import AUTHORIZER, AUTHORIZER_OF_USUAL, Bench
from bench.instructions.packages import ORDERS, PROJECT_DIR, RAW
from ordersctl.estimate.cost.order_sizes import only, sizes
from ordersctl.estimate.cost.per_order import Load, units

ALLOWED = 1.05
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
# Ratios to the raw handler, by Python's version, because interpreters differ. A smaller ratio may be written at any
# time, a larger one needs its reason in the commit.
KNOWN = json.loads((PROJECT_DIR / "bench" / "baseline.json").read_text())


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
    for name, (cold, warm) in measure.cold_and_warm_of_a_handler(bench.api(ORDERS)).items():
        ratios |= {f"cold {name}": cold / cold_raw, f"warm {name}": warm / warm_raw}
    for name, (program, orders) in bench.batches(ORDERS).items():
        if orders == 10:
            cold, warm = measure.cold_and_warm_instructions(program, 3)
            ratios |= {f"cold {name}": cold / cold_raw, f"warm {name}": warm / orders / warm_raw}
    return ratios


@pytest.mark.full  # a minute of valgrind
@pytest.mark.timeout(900)  # on a busy machine
@pytest.mark.skipif(measure.VALGRIND is None, reason="valgrind counts the instructions: not installed")
@pytest.mark.skipif(PYTHON not in KNOWN, reason=f"bench/baseline.json has no counts of Python {PYTHON}")
def test_no_function_takes_more_instructions_than_its_baseline(ratios: dict[str, float]) -> None:
    allowed = {name: ratio * ALLOWED for name, ratio in KNOWN[PYTHON].items()}
    rounded = {name: round(ratio, 3) for name, ratio in ratios.items()}
    assert ratios.keys() == allowed.keys(), json.dumps(rounded)
    assert {name: ratio for name, ratio in ratios.items() if ratio > allowed[name]} == {}, json.dumps(rounded)


def test_an_order_takes_the_expected_number_of_calls(plain_aws: str) -> None:
    calls = figures.calls(plain_aws)
    assert calls == {
        "accept": {"SendMessage": 1},
        "accept with a key": {"GetItem": 1, "SendMessage": 1},
        "process, batch of 10": {"PutItem": 1},
        "publish, batch of 10": {"PublishBatch": 0.1},
        # Lambda's own poller.
        "queue to processor, batch of 10": {"ReceiveMessage": 0.1, "DeleteMessageBatch": 0.1},
    }
    assert figures.calls_per_order(calls, with_key=False) == pytest.approx(2.3)
    assert figures.calls_per_order(calls, with_key=True) == pytest.approx(3.3)
    _the_cost_model_counts_the_same(calls)


def _the_cost_model_counts_the_same(calls: dict[str, dict[str, float]]) -> None:
    keyed = units(Load(keyed=1, sizes=only(sizes(10))))
    poller = calls["queue to processor, batch of 10"]
    sent = calls["accept"]["SendMessage"]
    assert keyed.sqs_requests == pytest.approx(sent + sum(poller.values()))
    assert keyed.sns_requests == pytest.approx(calls["publish, batch of 10"]["PublishBatch"])
    assert keyed.read_units == calls["accept with a key"]["GetItem"]
    # The item and its entry in the index.
    assert keyed.write_units == calls["process, batch of 10"]["PutItem"] * 2
