"""The commands of a move from MySQL."""

import pytest

from testkit.waiting import eventually
from tests.tools.migrate.conftest import few_authorities, mariadb, migrated_engine, moving, own_run, shop
from tests.tools.migrate.moving import Moving
from tests.tools.migrate.shop import Shop
from tests.tools.printed.form import Form

pytestmark = pytest.mark.full  # needs a MariaDB server

__all__ = ["few_authorities", "mariadb", "migrated_engine", "moving", "own_run", "shop"]  # fixtures

# Places in the log, rates and durations.
PLACES = r"bin\.\d+:\d+"
SPEED = r"\d+(?= a second)|(?<=read at )\d+|(?<=about )\d+(?= s)"


def check(form: Form, shop: Shop, command: str, *options: str, status: int = 0, varying: str | None = None) -> None:
    shop.stage.environment |= form.environment
    done = form.run(*shop.arguments(command, *options), environment=shop.stage.environment)
    form.check(f"migrate {command}", done, status, varying, DIR=str(shop.mapping.parent), DATABASE=shop.database)


def test_plan(form: Form, shop: Shop) -> None:
    shop.sql("UPDATE orders SET status = 'Lost at sea' WHERE orderNumber = 10101")
    rights = (
        f"GRANT SELECT ON {shop.database}.* TO mover@'%'",
        "GRANT BINLOG MONITOR, REPLICATION SLAVE ON *.* TO mover@'%'",
    )
    shop.sql("CREATE USER mover@'%' IDENTIFIED BY 'x'", *rights)
    shop.stage.environment |= {"ORDERS_SOURCE_USER": "mover", "ORDERS_SOURCE_PASSWORD": "x"}
    try:
        check(form, shop, "plan", status=1, varying=rf"(?<=MariaDB )\S+|(?<=server's is )\w+|{SPEED}")
    finally:
        shop.sql("DROP USER mover@'%'")


def test_snapshot_follow_and_verify(form: Form, shop: Shop) -> None:
    shop.sql("UPDATE orders SET status = 'Lost at sea' WHERE orderNumber = 10101")
    check(form, shop, "snapshot", varying=SPEED)
    shop.sql("UPDATE orders SET comments = 'changed' WHERE orderNumber = 10100")
    check(form, shop, "follow", "--until-caught-up", varying=PLACES)
    check(form, shop, "verify", status=1, varying=rf"{PLACES}|(?<=mapping )\w+")


def test_compare_cutover_and_write_back(form: Form, moving: Moving) -> None:
    shop = moving.shop
    mapping = shop.mapping.read_text()
    shop.mapping.write_text(mapping.replace("p.productName AS name", "UPPER(p.productName) AS name"))
    check(form, shop, "compare", "--url", str(moving.api.base_url), "--orders", "24", status=1)
    shop.mapping.write_text(mapping)
    shop.json("verify")
    check(form, shop, "cutover", "--route", "reads", varying=rf"{PLACES}|\d+\.\d(?= s)")
    moving.patch(shop.order_id(10102), "103", status="confirmed")
    eventually(lambda: shop.stage.depth_of(moving.queue_url) == 1)
    check(form, shop, "write-back", "--queue-url", moving.queue_url, "--until-empty")
