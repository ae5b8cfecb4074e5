"""An engine and a stack for the operator's commands alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ordersctl.local.engine import deploy
from testkit.servers.engine import running_engine
from tests.tools.operate.stage import OperatedStage


@pytest.fixture(scope="package")
def operated_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An engine with the stack of stage local."""
    with running_engine(tmp_path_factory.mktemp("operated")) as url:
        deploy(url, stage="local", customer_prices="checked")
        yield url


@pytest.fixture
def stage(operated_engine: str, tmp_path: Path) -> Iterator[OperatedStage]:
    """Stage local with empty queues and an empty table."""
    operated = OperatedStage(operated_engine, tmp_path)
    operated.empty()
    yield operated
    operated.end()
