"""Event sources in the tests' engine."""

from pathlib import Path

import boto3
import pytest

from ordersctl.shared.engine_client import client_options
from tests.tools.local.event_sources import QueueSource, TableSource


@pytest.fixture
def queue(engine_url: str) -> QueueSource:
    return QueueSource(boto3.client("sqs", **client_options(engine_url)))


@pytest.fixture
def table(engine_url: str, tmp_path: Path) -> TableSource:
    return TableSource(engine_url, tmp_path)
