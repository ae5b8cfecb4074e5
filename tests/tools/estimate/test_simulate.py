"""`ordersctl simulate`: its limits are the template's, and it names the bottleneck with advice."""

import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from chalicelib import wiring
from chalicelib.aws import retries
from chalicelib.aws.json_client import JsonClient
from chalicelib.aws.sigv4 import Credentials
from ordersctl.estimate.simulation.command import simulate
from ordersctl.estimate.simulation.limits import ADVICE, Bottleneck, Limits, Times
from ordersctl.estimate.simulation.observations import percentile
from ordersctl.estimate.simulation.parts import Orders, Queue
from ordersctl.estimate.simulation.processing import Processing
from ordersctl.estimate.simulation.world import World
from ordersctl.shared.templates import every_parameter, resources
from testkit.fake_aws.services import refused

pytestmark = pytest.mark.full  # a model in seconds of its own, and no code of the service


def test_a_percentile_counts_orders() -> None:
    waits = Counter({3.0: 1, 1.0: 98, 2.0: 1})
    assert [percentile(waits, percent) for percent in (50, 99, 100)] == [1.0, 2.0, 3.0]


def test_the_limits_are_those_of_the_template() -> None:
    defaults = {name: parameter.get("Default") for name, parameter in every_parameter().items()}
    limits = Limits()
    assert {
        "ThrottlingRate": limits.stage_rate,
        "ThrottlingBurst": limits.stage_burst,
        "OrderMaximumConcurrency": limits.maximum_concurrency,
        "OrderBatchSize": limits.batch,
        "OrderBatchingWindow": 0,  # the model has no batching windows
        "OrderQueueVisibility": limits.visibility_seconds,
        "EventBatchSize": limits.records,
        "EventBatchingWindow": 0,
        "EventParallelization": limits.parallelization,
        "WarmWrites": 0,
    }.items() <= defaults.items()
    queue: Any = resources()["Resources"]["OrderQueue"]["Properties"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == limits.max_receives


class WaitsNoted(World):
    """A simulated run without work that takes time; it notes for how long its steps wait."""

    def __init__(self) -> None:
        limits = Limits(write_units=0, index_units=0, pollers=1, max_receives=1, visibility_seconds=0)
        none = Times(cold_seconds=0, receive_seconds=0, process_seconds=0, process_order_seconds=0)
        super().__init__(limits, lambda _now: none, seed=7)
        self.waits: list[float] = []

    def wait(self, seconds: float) -> Any:
        self.waits.append(seconds)
        return super().wait(seconds)


def pauses_of_the_model() -> list[float]:
    world = WaitsNoted()
    queue = Queue(world.event, most_in_flight=10)
    Processing(world, queue, stored=lambda _orders: None).start()
    queue.put(Orders(born=0, count=1))
    world.run(10)
    return [seconds for seconds in world.waits if seconds > 0]


def pauses_of_the_client(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    made: list[float] = []
    monkeypatch.setattr("time.sleep", made.append)
    monkeypatch.setattr(JsonClient, "send", refuse)
    keys = Credentials("key", "secret", None)
    url = "http://127.0.0.1:1"
    client = JsonClient("dynamodb", region="", endpoint_url=url, credentials=lambda: keys, policy=wiring.CALL_POLICY)
    # The client's numbers are the system's, so that containers of one snapshot differ; here they are repeatable.
    monkeypatch.setattr(retries, "system_chance", random.Random(7).random)
    with pytest.raises(ClientError):
        client.put_item()
    return made


def refuse(*_request: Any) -> Any:
    raise refused("PutItem", "ThrottlingException")


def test_the_model_retries_writes_after_the_pauses_of_the_processors_client(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = pauses_of_the_client(monkeypatch)
    assert len(pauses) == wiring.CALL_POLICY.attempts - 1
    assert pauses_of_the_model() == pauses


def test_there_is_advice_for_every_bottleneck() -> None:
    assert set(ADVICE) == set(Bottleneck)


SMALL = ["--peak", "3000", "--ramp", "5", "--hold", "10", "--seconds", "30"]


def test_the_command_names_the_bottleneck_and_the_advice(tmp_path: Path) -> None:
    plot = tmp_path / "plot.svg"
    done = CliRunner().invoke(simulate, [*SMALL, "--plot", str(plot)])
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert re.search(r"a limit that binds API Gateway rate \(stage\), for 1[2-4] s: raise ThrottlingRate", said)
    assert re.search(r"refused by API Gateway \(429\) [1-9]", said)
    assert 0 < plot.stat().st_size < 150_000


def test_without_orders_there_are_no_waits() -> None:
    done = CliRunner().invoke(
        simulate,
        ["--before", "5", "--peak", "5", "--seconds", "20", "--set", "write_units=1", "--set", "item_units=24"],
    )
    assert "p50 -, p99 -" in done.output


def test_a_limit_that_is_raised_is_no_bottleneck() -> None:
    done = CliRunner().invoke(simulate, [*SMALL, "--set", "stage_rate=5000", "--set", "process_seconds=0.02"])
    assert done.exit_code == 0, done.output
    assert "API Gateway rate" not in done.output


def test_a_hot_customer_is_named_with_the_keys_to_set() -> None:
    room = [each for name in ("stage_rate", "index_units", "write_units") for each in ("--set", f"{name}=9000")]
    hot = ["--hot-customer", "0.6", *room]
    said = " ".join(CliRunner().invoke(simulate, [*SMALL, *hot]).output.split())
    keys = re.search(r"DynamoDB index key \(one customer\), for \d+ s: .*\(SpreadCustomers\): over (\d)", said)
    assert keys is not None
    assert keys[1] == "4"  # 2 x 1,800 a second / 1,000
    assert "index key" not in CliRunner().invoke(simulate, [*SMALL, *hot, "--spread", keys[1]]).output


@pytest.mark.parametrize("setting", ["luck=7", "write_units=0", "write_units=nan", "write_units=many"])
def test_an_unknown_limit_or_an_invalid_value_is_refused(setting: str) -> None:
    done = CliRunner().invoke(simulate, ["--set", setting])
    assert done.exit_code == 2
    assert "write_units" in done.output


@pytest.mark.parametrize(
    "options",
    [
        ["--peak", "nan"],
        ["--peak", "inf"],
        ["--before", "-1"],
        ["--ramp", "0"],
        ["--set", "batch=0.5"],
        ["--set", "parallelization=0.5"],
        ["--set", "write_units=inf"],
        ["--set", "write_units=nan"],
        ["--set", "write_units=0"],
        ["--set", "write_units"],
        ["--set", "partition_units=0.5"],
        ["--set", "largest_customer=2"],
        ["--hot-customer", "1.1"],
        ["--spread", "0"],
        ["--set", "index_keys=33"],
        ["--set", "accept_seconds=inf"],
        ["--set", "parallelization=11"],
        ["--set", "batch=100000"],
        ["--set", "spread=1e200"],
        ["--set", "process_seconds=200"],  # longer than the visibility timeout of its message
        ["--plot", "/proc/x.svg"],
        ["--plot", "no/such/directory/x.svg"],
        ["--plot", "x.xyz"],
    ],
    ids=" ".join,
)
def test_options_outside_the_model_are_refused(options: list[str]) -> None:
    done = CliRunner().invoke(simulate, options)
    assert done.exit_code == 2, done.output
    assert "Error: Invalid value" in done.output
