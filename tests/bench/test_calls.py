"""The calls to AWS that an order costs, counted by a fake of AWS."""

import pytest

from bench.instructions import figures
from ordersctl.estimate.cost.order_sizes import only, sizes
from ordersctl.estimate.cost.per_order import Load, units


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
