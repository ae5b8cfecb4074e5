"""A MariaDB server and an engine for the tests of `ordersctl migrate` alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ordersctl.local.engine import deploy
from testkit.servers.engine import running_engine
from testkit.servers.mariadb import MariaDb, running_mariadb
from tests.tools.migrate.shop import Shop


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDb]:
    with running_mariadb(tmp_path_factory.mktemp("mariadb")) as server:
        yield server


@pytest.fixture(scope="session")
def migrated_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An engine with the stack of stage local."""
    with running_engine(tmp_path_factory.mktemp("migrated")) as url:
        deploy(url, stage="local")
        yield url


@pytest.fixture
def shop(mariadb: MariaDb, migrated_engine: str, tmp_path: Path) -> Iterator[Shop]:
    """A shop with the classic schema and four orders, and a stage with an empty table."""
    made = Shop.open(mariadb, migrated_engine, tmp_path)
    yield made
    made.stage.end()
