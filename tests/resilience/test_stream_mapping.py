"""The fake of Lambda's stream mapping delivers as its guide says, and the checker sees when events are out of order."""

import random
from typing import Any

import pytest

from testkit.fake_aws.faults import FaultInjection, Odds
from testkit.fake_aws.lambda_ import FakeAws
from testkit.fake_aws.repeatable import repeatable
from tests.resilience.history.checker import check
from tests.resilience.simulation import SimulationRun
from tests.resilience.stream_mapping import SHARDS, MappingSettings, StreamMapping

ORDER = "ord_" + "0" * 32


class Function:
    """A function that fails with batches larger than `most`, and notes the batches that it gets."""

    def __init__(self, most: int) -> None:
        self.most, self.batches = most, list[list[str]]()

    def __call__(self, _name: str, event: Any, _seconds: float) -> tuple[Any, BaseException | None]:
        batch = [record["eventID"] for record in event["Records"]]
        self.batches.append(batch)
        return None, ValueError() if len(batch) > self.most else None


class WholeBatches(random.Random):
    """Draws the highest number, so that a batch has all records that there are."""

    def randint(self, a: int, b: int) -> int:
        return max(a, b)


def mapping_with(invoke: Any, settings: MappingSettings, orders: list[str]) -> StreamMapping:
    """A mapping whose stream has one record of each of these orders."""
    source = WholeBatches(1)
    aws = FakeAws(FaultInjection(source, Odds(abandoned=1)))
    for number, order_id in enumerate(orders):
        aws.table.put({"Item": {"order_id": {"S": order_id}, "version": {"N": str(number)}}}, 0)
    return StreamMapping(aws, source, invoke, settings)


def work_off(mapping: StreamMapping) -> None:
    while mapping.is_behind:
        for lane in mapping.lanes:
            mapping.turn(lane)


def test_a_failed_batch_comes_again_in_halves_the_first_one_first() -> None:
    function = Function(most=2)
    work_off(mapping_with(function, MappingSettings(bisecting=True), [ORDER] * 5))
    sizes = [len(batch) for batch in function.batches]
    succeeded = [name for batch in function.batches if len(batch) <= 2 for name in batch]
    assert (sizes, succeeded) == ([5, 2, 3, 1, 2], [f"record-{number}" for number in range(5)])


def test_lanes_share_a_shard_s_orders_and_each_order_has_one_lane() -> None:
    function = Function(most=100)
    orders = [f"ord_{number % 50:032}" for number in range(100)]
    mapping = mapping_with(function, MappingSettings(parallel=5), orders)
    work_off(mapping)
    lanes = [{orders[int(name.removeprefix("record-"))] for name in batch} for batch in function.batches]
    assert len(mapping.lanes) == len(lanes) == 5 * SHARDS
    assert sum(len(each) for each in lanes) == len(set(orders))


def test_an_abandoned_invocation_has_a_successor_with_the_same_records_and_its_answer_goes_nowhere() -> None:
    function = Function(most=100)

    def abandoned(name: str, event: Any, seconds: float) -> Any:
        if len(function.batches) == 0:
            function(name, event, seconds)
            mapping.turn(next(lane for lane in mapping.lanes if lane.awaited))
            return None, ValueError()
        return function(name, event, seconds)

    mapping = mapping_with(abandoned, MappingSettings(), [ORDER] * 3)
    work_off(mapping)
    assert function.batches == [[f"record-{number}" for number in range(3)]] * 2


@pytest.mark.parametrize("is_reversed", [False, True])
def test_events_in_another_order_are_found(*, is_reversed: bool) -> None:
    with repeatable(1):
        run = SimulationRun(1)
        run.plan(30)
        evidence = run.run(300)
    if is_reversed:
        evidence.published.reverse()
    assert any(finding.kind == "out of order" for finding in check(evidence)) == is_reversed
