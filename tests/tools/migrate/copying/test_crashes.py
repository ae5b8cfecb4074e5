"""snapshot and follow killed at chosen steps: started again, they leave nothing out, and do nothing twice."""

import json
import signal
import subprocess
import sys
from typing import Any

import pytest

from ordersctl.shared.project import PROJECT_DIR
from tests.tools.migrate.shop import Shop

pytestmark = pytest.mark.full  # each case starts processes: a change of the service does not break the import


def killed(shop: Shop, point: str, number: int, command: str, *options: str) -> None:
    """Run a command until it is killed at a step; the step must be reached."""
    arguments = shop.arguments(command, *options)
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "tests.tools.migrate.copying.crash_child", point, str(number), *arguments],
        cwd=PROJECT_DIR,
        env=shop.process_environment(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def is_equal(shop: Shop) -> dict[str, Any]:
    result = shop.run("verify", "--json")
    found: dict[str, Any] = json.loads(result.stdout)
    assert found["clean"], shop.run("verify").stdout
    return found


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("point", ["before-write", "after-write", "before-save", "after-save"])
def test_a_snapshot_that_is_killed_goes_on(shop: Shop, point: str, number: int) -> None:
    killed(shop, point, number if "write" in point else 1 + number // 2, "snapshot")
    shop.json("snapshot")
    shop.follow()
    assert is_equal(shop)["same"] == 4
    assert [shop.order(key).version for key in (10100, 10101, 10102, 10103)] == [1] * 4


@pytest.mark.parametrize("point", ["before-write", "after-write", "before-save", "after-save", "fan-out"])
def test_a_follower_that_is_killed_does_its_part_again(shop: Shop, point: str) -> None:
    shop.json("snapshot")
    shop.transaction(
        "UPDATE customers SET city = 'York' WHERE customerNumber = 103",
        "UPDATE orders SET status = 'Shipped' WHERE orderNumber = 10101",
        "DELETE FROM orders WHERE orderNumber = 10103",
    )
    killed(shop, point, 1, "follow", "--until-caught-up")
    shop.sql("UPDATE orders SET status = 'Resolved' WHERE orderNumber = 10101")
    shop.follow()
    assert is_equal(shop)["same"] == 3
    assert shop.order(10101).status == "delivered"
    assert shop.order(10101).version <= 3
    assert shop.is_erased(10103)
