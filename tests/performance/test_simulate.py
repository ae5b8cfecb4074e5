"""The model of AWS's limits, against what can be worked out by hand."""

import pytest
from click.testing import CliRunner

pytest.importorskip("simpy", reason="the model needs simpy: pip install -r requirements-bench.txt")

from ordersctl.flow_model import Flow, Limits, percentile
from ordersctl.simulate import simulate


def test_below_every_limit_nothing_waits() -> None:
    flow = Flow(lambda _now: 50).run(60)
    assert not flow.binding
    assert max(each.backlog for each in flow.samples) == 0
    assert percentile(flow.waits, 99) == pytest.approx(Limits().process_seconds)
    assert flow.accepted == pytest.approx(50 * 60)


def test_a_backlog_grows_by_what_is_too_much_and_drains_by_what_is_left() -> None:
    """6,000 a second for 10 s on 4,000 write units: 20,000 too many, gone 10 s later when 2,000 a second come."""
    limits = Limits(scaling_per_second=1e6, pollers=1_000, shards=1_000)
    flow = Flow(lambda now: 6_000 if now < 10 else 2_000, limits).run(30)
    assert max(each.backlog for each in flow.samples) == pytest.approx(20_000, rel=0.05)
    drained = next(each.second for each in flow.samples if each.second > 10 and each.backlog == 0)
    assert drained == pytest.approx(20, abs=0.5)
    assert set(flow.binding) == {"DynamoDB write units"}
    assert percentile(flow.waits, 100) == pytest.approx(5, abs=0.5)  # the last of the rush: 20,000 before it at 4,000


def test_no_order_is_lost_between_the_queues() -> None:
    flow = Flow(lambda now: 20_000 if now < 60 else 50).run(1_800)
    assert flow.accepted == pytest.approx(sum(count for _, count in flow.published_waits), rel=1e-6)
    assert flow.throttled > 0
    assert flow.accepted + flow.throttled == pytest.approx(20_000 * 60 + 50 * 1_740, rel=1e-6)


def test_the_command_names_the_limit_and_what_to_do() -> None:
    done = CliRunner().invoke(simulate, ["--seconds", "300"])
    assert done.exit_code == 0, done.output
    assert "DynamoDB write units binds" in done.output
    assert "warm throughput" in " ".join(done.output.split())


def test_an_unknown_limit_is_refused() -> None:
    done = CliRunner().invoke(simulate, ["--set", "luck=7"])
    assert done.exit_code == 2
    assert "write_units" in done.output
