"""A shop that stays open while it moves: writers, snapshot and follow at once, all of them killed again and again."""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ordersctl.shared.project import PROJECT_DIR
from testkit.servers.mariadb import MariaDb, running_mariadb
from testkit.waiting import eventually
from tests.tools.migrate.publishing import Published
from tests.tools.migrate.shop import Shop
from tests.tools.migrate.workload import OpenCart

pytestmark = pytest.mark.full  # half a minute: a change of the service does not break the import

KILLS = 6
ORDERS = 600


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[MariaDb]:
    """A server of the test's own, which may be restarted."""
    with running_mariadb(tmp_path / "mariadb") as server:
        yield server


@pytest.fixture
def open_shop(own_server: MariaDb, migrated_engine: str, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop.open(own_server, migrated_engine, tmp_path)
    shop.fill(ORDERS)
    yield shop
    shop.stage.end()


@pytest.fixture
def opencart(own_server: MariaDb, migrated_engine: str, tmp_path: Path) -> Iterator[Shop]:
    country = "INSERT INTO oc_country VALUES (222, 'United Kingdom', 'GB');\n"
    shop = Shop.open(own_server, migrated_engine, tmp_path, sample="opencart", content=country)
    connection = own_server.connect(shop.database, autocommit=False)
    with connection.cursor() as cursor:
        first = OpenCart(cursor, 0)
        for _ in range(ORDERS):
            first.new(0)
    connection.commit()
    yield shop
    shop.stage.end()


def writer(shop: Shop, seed: int, stop: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603
        [
            sys.executable,
            "-m",
            "tests.tools.migrate.workload",
            shop.mapping.stem,
            str(shop.server.port),
            shop.database,
            str(seed),
            str(stop),
        ],
        cwd=PROJECT_DIR,
        stdout=subprocess.PIPE,
    )


def test_nothing_is_lost_doubled_or_different_while_everything_is_killed(open_shop: Shop, tmp_path: Path) -> None:
    moves_while_everything_is_killed(open_shop, tmp_path)


def test_opencart_moves_as_well_while_everything_is_killed(opencart: Shop, tmp_path: Path) -> None:
    moves_while_everything_is_killed(opencart, tmp_path)


def moves_while_everything_is_killed(shop: Shop, directory: Path) -> None:
    """Copy and follow a shop at work, kill both again and again, and compare."""
    stop, chance = directory / "stop", random.Random(7)
    published = Published(shop)
    writers = [writer(shop, seed, stop) for seed in (1, 2)]
    copying = shop.start("snapshot", "--rate", "120")
    eventually(lambda: list(shop.stage.state_dir.glob("migrate-*/follow.json")))
    following, kills = shop.start("follow"), {"snapshot": 0, "follow": 0}
    while sum(kills.values()) < KILLS:
        time.sleep(chance.uniform(0.5, 1.5))  # they work meanwhile
        if copying.poll() is None and kills["snapshot"] < KILLS // 2:
            kills["snapshot"] += shop.stage.killed(copying, 0)
            copying = shop.start("snapshot", "--rate", "120")
        else:
            kills["follow"] += shop.stage.killed(following, 0)
            following = shop.start("follow")
        if sum(kills.values()) == KILLS // 2:
            shop.sql("FLUSH BINARY LOGS")
    assert min(kills.values()) > 0
    stop.touch()
    done = [each.communicate(timeout=30)[0].decode() for each in writers]
    assert all("'new'" in each for each in done), done
    assert copying.wait(120) == 0
    shop.stage.killed(following, 0)
    shop.follow()
    found = json.loads(shop.run("verify", "--json").stdout)
    assert (found["clean"], found["different"], found["refused"]) == (True, 0, 0), shop.run("verify").stdout
    assert found["same"] > ORDERS - 50
    assert published.events() == []


def test_a_source_that_is_restarted_is_followed_on(open_shop: Shop) -> None:
    shop = open_shop
    shop.json("snapshot")
    following = shop.start("follow")
    shop.sql("UPDATE orders SET status = 'Shipped' WHERE orderNumber = 10101")
    eventually(lambda: shop.order(10101).status == "shipped")
    shop.server.stop(signal.SIGTERM)
    shop.server.start()
    shop.sql("UPDATE orders SET status = 'Resolved' WHERE orderNumber = 10101")
    eventually(lambda: shop.order(10101).status == "delivered", within=40)
    shop.stage.killed(following, 0)
