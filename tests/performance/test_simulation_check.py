"""The model of `ordersctl simulate` beside the local run, given its service times: `make simulate-check`, small."""

import statistics

from bench.simulation_check import Durations, checking

FACTOR = 2  # the machine may be slower while it is measured than while it was calibrated
COMPARED = (
    "burst: largest backlog, orders",
    "burst: seconds until drained",
    "burst: p50 until placed, s",
    "burst: p99 until placed, s",
    "burst: p50 until published, s",
    "quiet: p50 until placed, s",
)


def test_the_model_agrees_with_the_local_run() -> None:
    wrong: dict[str, object] = {}
    with checking() as check:
        for _ in range(2):  # another's load on this machine spoils one attempt; a wrong model spoils both
            try:
                figures = {each.name: each for each in check.figures(Durations(calibration=2, burst=3, quiet=2))}
            except statistics.StatisticsError as error:  # so slow that a phase had too little of something
                wrong = {"measured": error}
                continue
            wrong = {name: figures[name] for name in COMPARED if not 1 / FACTOR <= figures[name].ratio <= FACTOR}
            if not wrong:
                return
    assert not wrong
