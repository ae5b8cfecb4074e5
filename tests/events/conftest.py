"""The engine as publishers and subscribers see it, and the service's log."""

import io
import logging
from collections.abc import Iterator

import pytest

from chalicelib import logs
from tests.events.house import House


@pytest.fixture
def house(engine_url: str) -> House:
    return House(engine_url)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the service logs while the test runs."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonLines("test"))
    logs.logger.addHandler(handler)
    level = logs.logger.level
    logs.logger.setLevel(logging.INFO)
    yield stream
    logs.logger.removeHandler(handler)
    logs.logger.setLevel(level)
