"""An engine and a stack for the operator's commands alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ordersctl.local.engine import HEALTH, deploy, engine, get_json
from ordersctl.local.processes import stop
from testkit.waiting import eventually, free_port
from tests.tools.operate.stage import OperatedStage


@pytest.fixture(scope="session")
def operated_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An engine with the stack of stage local."""
    state_dir = tmp_path_factory.mktemp("operated")
    (state_dir / "logs").mkdir()
    port = free_port()
    child = engine(port, state_dir)
    child.start()
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: get_json(url + HEALTH))
        deploy(url, stage="local")
        yield url
    finally:
        stop([child])


@pytest.fixture
def stage(operated_engine: str, tmp_path: Path) -> Iterator[OperatedStage]:
    """Stage local with empty queues and an empty table."""
    operated = OperatedStage(operated_engine, tmp_path)
    operated.empty()
    yield operated
    operated.end()
