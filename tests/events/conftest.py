"""The engine as publishers and subscribers see it."""

import pytest

from tests.events.house import House


@pytest.fixture
def house(engine_url: str) -> House:
    return House(engine_url)
