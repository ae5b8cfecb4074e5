"""The model of `ordersctl simulate` beside the local run: a short `make simulate-check`, and phases made by hand.

That command measures service times in one phase and compares another, which other load on the machine may disturb.
Here a burst is modelled from its own times, which have the same load.
"""

import math
from collections import Counter
from dataclasses import replace

import pytest

from bench.simulation.__main__ import Durations, checking, modelled, of_burst
from bench.simulation.local_phases import PROCESSOR, PUBLISHER, Invocation, Phase, service_times
from ordersctl.estimate.simulation.limits import Times

BEGAN = 1_800_000_000.0  # seconds since the epoch, as a log has it
ACCEPT, PUBLISH = 0.01, 0.05  # seconds
NEAR = 1.5  # found are 0.98 to 1.06, beside other load too


def phase(due: list[float], stored: list[float]) -> Phase:
    """Orders are answered ACCEPT seconds after they are due, and published PUBLISH seconds after they are stored."""
    answered, published = [each + ACCEPT for each in due], [each + PUBLISH for each in stored]
    return Phase(began=BEGAN, due=due, answered=answered, stored=stored, published=published)


def invoked(function: str, records: int, began: float, seconds: float, poller: int = 0) -> Invocation:
    return Invocation(function, records, BEGAN + began, seconds, poller)


def placed_after(phase: Phase, times: Times) -> Counter[float]:
    """The modelled waits until an order is placed, in seconds, to the millisecond."""
    waits = modelled(phase, times, times).waits
    return sum((Counter({round(wait, 3): count}) for wait, count in waits.items()), Counter[float]())


def test_the_model_matches_a_quiet_phase() -> None:
    """Each order alone: 10 ms to accept it, 5 until it is received, 30 to process it."""
    due = [number / 5 for number in range(20)]
    quiet = phase(due, [each + ACCEPT + 0.005 + 0.03 for each in due])
    invocations = [invoked(PROCESSOR, 1, each + ACCEPT + 0.005, 0.03) for each in due]
    invocations += [invoked(PUBLISHER, 1, each, PUBLISH) for each in quiet.stored]

    times = service_times(quiet, invocations, 0, math.inf, busy=False)

    assert placed_after(quiet, times) == {0.045: 20}
    assert placed_after(quiet, replace(times, receive_seconds=0.1)) == {0.14: 20}


def test_the_model_matches_a_burst() -> None:
    """A hundred at once: two pollers process ten each in 180 ms, with 20 ms between two batches."""
    stored = [ACCEPT + 0.2 * (turn + 1) for turn in range(5) for _ in range(20)]
    burst = phase([0.0] * 100, stored)
    invocations = [
        invoked(PROCESSOR, 10, ACCEPT + 0.02 + 0.2 * turn, 0.18, poller) for turn in range(5) for poller in range(2)
    ]
    invocations.append(invoked(PUBLISHER, 100, 1, PUBLISH))

    times = service_times(burst, invocations, 0, math.inf, busy=True)

    assert burst.largest_backlog() == 100
    assert placed_after(burst, times) == {0.21: 20, 0.41: 20, 0.61: 20, 0.81: 20, 1.01: 20}


def test_the_time_of_a_batch_and_the_time_of_each_order_in_it_are_separated() -> None:
    invocations = [invoked(PROCESSOR, records, records, 0.1 + 0.01 * records) for records in (1, 2, 5, 10)]
    invocations.append(invoked(PUBLISHER, 20, 11, 0.05))

    times = service_times(phase([0.0], [11.0]), invocations, 0, 20, busy=True)

    assert (times.process_seconds, times.process_order_seconds) == pytest.approx((0.1, 0.01))
    assert (times.publish_seconds, times.publish_call_seconds) == pytest.approx((0, 0.025))  # of two calls
    assert times.spread == pytest.approx(0)


@pytest.mark.full  # seconds of posting to a local run of its own
def test_a_measured_burst_is_modelled_from_its_own_times() -> None:
    with checking() as check:
        check.warm()
        burst = check.burst(3, "own")
        figures = of_burst(burst, *check.burst_times(burst))
    wrong = [each for each in figures if not 1 / NEAR <= each.ratio <= NEAR]
    assert not wrong


@pytest.mark.full  # seconds of posting to a local run of its own
def test_the_check_compares_a_burst_and_a_quiet_phase_of_a_local_run() -> None:
    with checking() as check:
        figures = check.figures(Durations(calibration=1, burst=2, quiet=2))
    waits = [f"p{percent} until {what}, s" for what in ("placed", "published") for percent in (50, 99)]
    assert [each.name for each in figures] == [
        "burst: largest backlog, orders",
        "burst: seconds until drained",
        *(f"burst: {each}" for each in waits),
        *(f"quiet: {each}" for each in waits),
    ]
    assert all(each.measured > 0 and each.modelled > 0 for each in figures), figures
