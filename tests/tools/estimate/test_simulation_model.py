"""The model of AWS's limits, against figures that can be worked out by hand."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from ordersctl.estimate.simulation import processing
from ordersctl.estimate.simulation.dynamodb import Table
from ordersctl.estimate.simulation.limits import Bottleneck, Limits, Times
from ordersctl.estimate.simulation.model import Flow
from ordersctl.estimate.simulation.observations import Observations, percentile
from ordersctl.estimate.simulation.parts import Orders

pytestmark = pytest.mark.full  # a model of AWS, not of the code

OPEN = Limits(stage_rate=1e6, stage_burst=1e6, api_rate=1e6, api_burst=1e6)  # API Gateway limits nothing
EXACT = Times(cold_seconds=0, spread=0)


def evenly(*parts: tuple[float, float]) -> Iterator[tuple[float, int]]:
    """Requests one by one, from pairs of a rate per second and its duration in seconds."""
    since = 0.0
    for rate, seconds in parts:
        yield from ((since + number / rate, 1) for number in range(round(rate * seconds)))
        since += seconds


def run(*parts: tuple[float, float], times: Times = EXACT, until: float = 0, **limits: float) -> Observations:
    """Simulate with the named limits; without one for API Gateway, it admits everything."""
    flow = Flow(lambda _now: 0, replace(OPEN, **limits), lambda _now: times, arrivals=evenly(*parts))
    return flow.run(until or sum(seconds for _, seconds in parts) + 10)


def test_below_every_limit_nothing_waits() -> None:
    seen = run((50, 60))
    assert not seen.bottlenecks
    assert seen.accepted == seen.placed == seen.published == 3_000
    # Accepted in 15 ms, received in 10, processed in 10 and 2 more.
    assert {round(wait, 6) for wait in seen.waits} == {0.037}
    # Up to a quarter of a second until the stream is polled, then 20 ms and 10 more.
    assert all(0.067 <= wait <= 0.037 + 0.25 + 2 * 0.030 for wait in seen.published_waits)


def test_requests_arrive_at_random_at_the_given_rate() -> None:
    seen = Flow(lambda now: 20 if now < 500 else 2_000).run(510)
    assert seen.requested == pytest.approx(20 * 500 + 2_000 * 10, rel=0.03)
    assert len({each.requested for each in seen.samples[1:500]}) > 10


def test_a_backlog_grows_by_the_excess_and_drains_by_the_spare_capacity() -> None:
    """Ten pollers of ten orders each 100 ms: 1,000 a second. 1,500 come for 20 s, and then 500."""
    times = replace(EXACT, receive_seconds=0, process_seconds=0.1, process_order_seconds=0)
    seen = run((1_500, 20), (500, 40), times=times, pollers=10, maximum_concurrency=10)
    assert max(each.backlog for each in seen.samples) == pytest.approx(20 * 500, rel=0.02)
    drained = next(each.second for each in seen.samples if each.second > 20 and each.backlog < 200)
    assert drained == pytest.approx(20 + 10_000 / 500, abs=1.5)
    assert max(seen.waits) == pytest.approx(10_000 / 1_000, rel=0.03)
    assert set(seen.bottlenecks) == {Bottleneck.POLLERS}
    assert seen.bottlenecks[Bottleneck.POLLERS] == pytest.approx(40, abs=2)


def test_the_stage_admits_its_burst_and_its_rate() -> None:
    seen = run((2_000, 10), stage_rate=1_000, stage_burst=500)
    assert seen.accepted == pytest.approx(500 + 1_000 * 10, abs=5)
    assert seen.refused == {Bottleneck.STAGE_RATE: 20_000 - seen.accepted}


def test_the_accounts_rate_is_the_limit_where_the_stages_is_not() -> None:
    seen = run((2_000, 10), api_rate=1_200, api_burst=100)
    assert seen.accepted == pytest.approx(100 + 1_200 * 10, abs=5)
    assert set(seen.refused) == {Bottleneck.API_RATE}


def test_an_environment_serves_ten_requests_a_second_however_short_they_are() -> None:
    seen = run((500, 10), times=replace(EXACT, accept_seconds=0.001), concurrency=20)
    assert seen.accepted == pytest.approx(20 * 10 * 10, rel=0.02)
    assert set(seen.refused) == {Bottleneck.ACCEPT_REQUESTS}


def test_functions_share_the_accounts_concurrency() -> None:
    """Eighty requests a second of one second each, on forty environments: the processor finds no free one either."""
    seen = run((80, 20), times=replace(EXACT, accept_seconds=1), concurrency=40)
    assert max(each.concurrency for each in seen.samples) == 40
    assert seen.accepted <= 40 * 20
    assert Bottleneck.ACCEPT_CONCURRENCY in seen.refused
    assert Bottleneck.PROCESS_CONCURRENCY in seen.bottlenecks


def test_environments_scale_by_a_thousand_at_once_and_a_hundred_a_second() -> None:
    seen = run((1_000, 5), times=replace(EXACT, accept_seconds=100), concurrency=1e6, until=5)
    assert max(each.concurrency for each in seen.samples) == pytest.approx(1_000 + 5 * 100, abs=5)
    assert set(seen.refused) == {Bottleneck.ACCEPT_SCALING}


def test_pollers_grow_by_five_a_second_up_to_the_maximum_concurrency() -> None:
    times = replace(EXACT, accept_seconds=0.001, process_seconds=1)
    seen = run((2_000, 12), times=times, maximum_concurrency=45, concurrency=1e4)
    concurrency = [max(each.concurrency for each in seen.samples if each.second <= second) for second in (4, 12)]
    assert concurrency[0] == pytest.approx(5 + 5 * 4, abs=6)
    assert 45 <= concurrency[1] <= 45 + 8  # beside a few accepts, and four publishers
    assert {Bottleneck.POLLER_SCALING, Bottleneck.POLLERS} <= set(seen.bottlenecks)


def test_a_small_bottleneck_behind_the_pollers_does_not_hide_them() -> None:
    """Of 1,500 a second the pollers take 500. One key of the index throttles too, but a few of them only."""
    limits: dict[str, float] = {"pollers": 15, "maximum_concurrency": 15, "largest_customer": 0.01}
    seen = run((1_500, 30), times=replace(EXACT, process_seconds=0.25), until=30, partition_units=1, **limits)
    assert seen.bottlenecks[Bottleneck.INDEX_KEY] > 20
    assert seen.bottlenecks[Bottleneck.POLLERS] > 20


def test_throttled_writes_are_the_bottleneck_and_not_the_pollers_that_wait_for_them() -> None:
    seen = run((2_000, 30), write_units=100, until=30)
    assert seen.bottlenecks[Bottleneck.TABLE] > 20
    assert Bottleneck.POLLERS not in seen.bottlenecks


def test_api_gateway_refuses_with_429_and_a_lambda_without_concurrency_with_5xx() -> None:
    by_stage = run((2_000, 5), stage_rate=1_000, stage_burst=1).samples
    by_lambda = run((500, 5), times=replace(EXACT, accept_seconds=0.001), concurrency=20).samples
    assert sum(each.refused for each in by_stage) > 4_000
    assert not any(each.failed for each in by_stage)
    assert sum(each.failed for each in by_lambda) > 1_000
    assert not any(each.refused for each in by_lambda)


def test_an_index_without_units_throttles_its_table() -> None:
    seen = run((2_000, 10), index_units=1_000, until=10)
    assert seen.placed == pytest.approx(1_000 + 1_000 * 10, rel=0.02)  # a second's units are there at the start
    assert Bottleneck.INDEX in seen.bottlenecks
    assert Bottleneck.TABLE not in seen.bottlenecks
    assert seen.db_throttles > 0


def test_one_customers_orders_are_under_one_key_of_the_index() -> None:
    seen = run((800, 20), largest_customer=0.5, partition_units=100, until=20)
    others, one = 800 * 20 / 2, 100 + 100 * 20
    assert seen.placed == pytest.approx(others + one, rel=0.03)
    assert Bottleneck.INDEX_KEY in seen.bottlenecks


@pytest.mark.parametrize(("keys", "throttled"), [(1, True), (4, False)])
def test_a_customer_with_most_of_the_orders_is_spread_over_keys_of_the_index(keys: int, *, throttled: bool) -> None:
    """4,000 orders a second, 60 % of them one customer's: 600 a second under each of four keys."""
    limits: dict[str, float] = {
        "write_units": 10_000,
        "index_units": 10_000,
        "maximum_concurrency": 200,
        "pollers": 200,
        "shards": 10,
    }
    limits |= {"concurrency": 5_000, "largest_customer": 0.6, "index_keys": keys}
    seen = run((4_000, 5), times=EXACT, until=8, **limits)
    assert (Bottleneck.INDEX_KEY in seen.bottlenecks, seen.db_throttles > 0) == (throttled, throttled)
    assert (percentile(seen.waits, 99) <= 0.1) is not throttled


def test_an_order_is_attempted_fifteen_times_at_most_and_then_given_up() -> None:
    seen = run((20, 1), write_units=1, visibility_seconds=1, until=15)
    assert seen.backlog == 0
    assert seen.placed + seen.given_up == 20
    assert seen.given_up > 0
    assert seen.db_throttles <= 20 * processing.WRITE_ATTEMPTS * Limits().max_receives


def test_no_more_messages_are_in_flight_than_a_queue_allows() -> None:
    seen = run((200, 5), times=replace(EXACT, process_seconds=1), in_flight=30, until=5)
    assert seen.placed <= 30 * 5
    assert Bottleneck.IN_FLIGHT in seen.bottlenecks


def test_on_demand_doubles_the_peak_of_half_an_hour_ago() -> None:
    table = Table(Limits())
    for _ in range(30):
        table.end_minute(4_000)
    assert table.write(Orders(0, 50_000), 10)[0] == 4_000
    table.end_minute(4_000)
    assert table.write(Orders(0, 50_000), 20)[0] == 8_000
    assert table.write(Orders(0, 50_000), 20) == (0, [Bottleneck.TABLE, Bottleneck.INDEX])


def test_a_shard_is_read_one_batch_after_another() -> None:
    """A hundred changes in 20 ms and ten calls of 10 ms: 833 a second."""
    seen = run((1_000, 30), shards=1, until=30)
    assert seen.unpublished == pytest.approx(30 * (1_000 - 100 / 0.12), rel=0.1)
    assert set(seen.bottlenecks) == {Bottleneck.SHARDS}
    assert run((1_000, 30), shards=1, parallelization=2, until=30).unpublished < 500


def test_sns_accepts_events_at_its_rate() -> None:
    seen = run((1_000, 10), sns_rate=500, until=10)
    assert seen.published == pytest.approx(500 + 500 * 10, rel=0.02)
    assert Bottleneck.SNS in seen.bottlenecks


def test_no_order_is_lost_in_the_model() -> None:
    limits = replace(OPEN, write_units=500, index_units=500, visibility_seconds=5, maximum_concurrency=200)
    seen = Flow(lambda now: 5_000 if now < 10 else 20, limits).run(60)
    assert seen.db_throttles > 0
    assert seen.requested == pytest.approx(
        seen.accepted + seen.refused.total(), abs=5
    )  # a few requests are still being accepted
    assert seen.accepted == seen.placed + seen.given_up + seen.backlog
    assert seen.placed == seen.waits.total()
    assert seen.published == seen.published_waits.total() == seen.placed - seen.unpublished
    assert sum(each.placed for each in seen.samples) == pytest.approx(seen.placed, abs=20)


@pytest.mark.parametrize(("before", "concurrency"), [(200, 10), (50, 3), (12_000, 1_000), (20_000, 1_000)])
def test_an_account_that_is_too_small_from_the_start_loses_no_order_either(before: float, concurrency: float) -> None:
    seen = Flow(lambda _now: before, replace(OPEN, concurrency=concurrency)).run(10)
    assert 0 < seen.accepted < seen.requested
    assert seen.accepted == seen.placed + seen.given_up + seen.backlog
    assert max(each.concurrency for each in seen.samples) <= concurrency
    assert min(each.backlog for each in seen.samples) >= 0


@pytest.mark.parametrize("per_minute", [300, 449, 451])
def test_pollers_are_added_at_the_given_rate(per_minute: float) -> None:
    times = replace(EXACT, accept_seconds=0.001, process_seconds=1)
    scaling = {"pollers_per_minute": per_minute, "maximum_concurrency": 1_000, "concurrency": 1e4}
    seen = run((2_000, 20), times=times, until=20, **scaling)
    # Each poller keeps one environment busy; the largest number includes a few accepts and four publishers.
    assert max(each.concurrency for each in seen.samples) == pytest.approx(5 + per_minute / 3, abs=8)


def test_the_same_seed_gives_the_same_run() -> None:
    runs = [Flow(lambda _now: 100, seed=seed).run(30) for seed in (1, 1, 2)]
    assert runs[0] == runs[1]
    assert runs[0].waits != runs[2].waits
