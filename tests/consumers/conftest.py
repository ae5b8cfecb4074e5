"""The sample consumers, called as by their queues."""

from collections.abc import Iterator

import pytest

from ordersctl.shared.switches import CONSUMERS
from tests.consumers.harness import Api, SampleConsumer


@pytest.fixture(scope="module")
def samples(engine_url: str) -> Iterator[dict[str, SampleConsumer]]:
    with pytest.MonkeyPatch.context() as patch, Api().running() as api:
        yield {name: SampleConsumer.load(name, engine_url, api, patch) for name in CONSUMERS}


@pytest.fixture
def consumers(samples: dict[str, SampleConsumer]) -> dict[str, SampleConsumer]:
    samples["inventory"].api.forget()
    return samples
