"""A MariaDB server and an engine for the tests of `ordersctl migrate` alone."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ordersctl.local import tokens
from ordersctl.local.engine import deploy
from ordersctl.shared.project import PROJECT_DIR
from testkit.servers.engine import running_engine
from testkit.servers.local_run import LocalRun
from testkit.servers.mariadb import MariaDb, running_mariadb
from testkit.waiting import eventually
from tests.tools.migrate.moving import LEDGER, WRITE_BACK, Moving
from tests.tools.migrate.shop import Shop


@pytest.fixture(scope="module", autouse=True)
def few_authorities() -> Iterator[None]:
    """Let OpenSSL have seven authorities, not the system's hundred and more, which PyMySQL loads for each connection.

    Nothing here speaks TLS.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(PROJECT_DIR / "chalicelib" / "aws" / "amazon_roots.pem"))
        yield


@pytest.fixture(scope="package")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDb]:
    with running_mariadb(tmp_path_factory.mktemp("mariadb")) as server:
        yield server


@pytest.fixture(scope="package")
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


@pytest.fixture
def own_run(tmp_path: Path) -> Iterator[LocalRun]:
    run = LocalRun.start(tmp_path)
    try:
        yield run.ready()
    finally:
        run.stop()


@pytest.fixture
def moving(mariadb: MariaDb, own_run: LocalRun, tmp_path: Path) -> Iterator[Moving]:
    shop = Shop.open(mariadb, own_run.engine_url, tmp_path)
    shop.stage.environment["ORDERS_STATE_DIR"] = str(own_run.state_dir)
    shop.fill(20)
    shop.sql(LEDGER)
    flips = tmp_path / "flips"
    (tmp_path / "flip").write_text(f'#!/bin/sh\necho "$1 $2" >> {flips}\n')
    (tmp_path / "flip").chmod(0o755)
    shop.mapping.write_text(shop.mapping.read_text() + WRITE_BACK.replace("./flip", str(tmp_path / "flip")))
    token = tokens.local_token(subject="migration", scope=tokens.SERVICE_SCOPE)
    shop.stage.environment |= {
        "ORDERS_TOKEN": token,
        **{f"ORDERS_WRITE_BACK_{name}": shop.stage.environment[f"ORDERS_SOURCE_{name}"] for name in ("HOST", "PORT")},
        "ORDERS_WRITE_BACK_USER": "root",
        "ORDERS_WRITE_BACK_PASSWORD": "",
    }
    queue_url = shop.stage.sqs.create_queue(QueueName="write-back")["QueueUrl"]
    api = httpx.Client(base_url=own_run.url, headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=10)
    moving = Moving(shop, api, queue_url, flips)
    moving.subscribe(queue_url)
    shop.json("snapshot")
    following: subprocess.Popen[str] = shop.start("follow")
    shop.sql("UPDATE orders SET comments = 'followed' WHERE orderNumber = 10100")
    eventually(lambda: shop.order(10100).note == "followed")
    yield moving
    following.kill()
    shop.stage.end()
    api.close()
