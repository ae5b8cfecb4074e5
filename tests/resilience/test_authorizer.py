"""Simulation runs of the authorizer while its issuer rotates, withdraws and fails. FAULT_SEED repeats one of them."""

import os
import time
from collections import Counter

import pytest

from testkit.fake_aws.repeatable import repeatable
from tests.resilience.authorizer.checker import ADMITTED, CACHED, REFUSED, TRUSTED, UNAVAILABLE, check
from tests.resilience.authorizer.simulation import AuthorizerRun

TURNS = 400
SEEDS = (
    [int(os.environ["FAULT_SEED"])] if "FAULT_SEED" in os.environ else range(int(os.environ.get("FAULT_SEEDS", "10")))
)


def simulated(seed: int, turns: int = TURNS) -> AuthorizerRun:
    with repeatable(seed), pytest.MonkeyPatch.context() as patch:
        run = AuthorizerRun(seed)
        patch.setattr(time, "time", lambda: run.aws.now)
        run.run(turns)
        return run


@pytest.mark.parametrize("seed", SEEDS)
def test_tokens_are_judged_by_the_issuers_keys_whatever_its_address_does(seed: int) -> None:
    run = simulated(seed)
    findings = check(run)
    print(f"seed {seed}: {Counter(each.status for each in run.exchanges)}, {len(run.fetches)} downloads")
    assert not findings, "\n".join([f"FAULT_SEED={seed} repeats this:", *findings])


def test_the_same_seed_gives_the_same_history_of_the_authorizer() -> None:
    first, second = simulated(3), simulated(3)
    assert first.fetches == second.fetches
    assert [(each.begin, each.status) for each in first.exchanges] == [
        (each.begin, each.status) for each in second.exchanges
    ]


def test_every_state_of_the_issuer_is_met_by_tokens_of_every_kind() -> None:
    """A run in which nothing is withdrawn, kept or refused proves nothing."""
    run = simulated(1, 4 * TURNS)
    until = run.issuer.until
    forged = [each for each in run.exchanges if each.token.key is None]
    signed = [(each.token.key, each) for each in run.exchanges if each.token.key and each.token.expires > each.end]
    assert {each.status for each in forged} == {REFUSED, UNAVAILABLE}
    assert {each.status for _, each in signed} == {ADMITTED, REFUSED, UNAVAILABLE}
    late = [each.end - until[key] for key, each in signed if key in until and each.status == ADMITTED]
    assert max(late) > TRUSTED + CACHED  # by a stale set, since the address failed
    assert any(each.container is None for _, each in signed)  # by a policy that API Gateway had kept
    # A new key, within the interval between two downloads:
    assert any(each.status == REFUSED and until.get(key, each.end + 1) > each.end for key, each in signed)
