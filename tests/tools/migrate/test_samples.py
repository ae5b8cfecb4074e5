"""The sample mappings of two shop systems: real orders in their tables move here, equal to the penny."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.orders import Order
from ordersctl.shared.project import PROJECT_DIR
from testkit.servers.mariadb import MariaDb
from tests.tools.migrate import retail
from tests.tools.migrate.retail import RetailOrder
from tests.tools.migrate.shop import Shop

pytestmark = pytest.mark.full  # needs a MariaDB server

# RETAIL_CSV names a larger part of the data set.
CSV = Path(os.environ.get("RETAIL_CSV") or PROJECT_DIR / "tests" / "data" / "online-retail-cut.csv")
COUNTRIES = "INSERT INTO oc_country VALUES (222, 'United Kingdom', 'GB');\n"
Rows = Callable[[RetailOrder], Iterator[tuple[str, dict[str, Any]]]]


@pytest.fixture(
    params=[("opencart", retail.opencart, COUNTRIES), ("woocommerce", retail.woocommerce, "")], ids=lambda p: p[0]
)
def system(request: pytest.FixtureRequest, mariadb: MariaDb, migrated_engine: str, tmp_path: Path) -> Iterator[Shop]:
    """A shop of each system with the real orders."""
    name, rows, more = request.param
    shop = Shop.open(mariadb, migrated_engine, tmp_path, sample=name, content=more)
    fill(shop, rows)
    yield shop
    shop.stage.end()


def fill(shop: Shop, rows: Rows) -> None:
    connection = shop.server.connect(shop.database)
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        for order in retail.read(CSV):
            for table, values in rows(order):
                columns, marks = ", ".join(values), ", ".join(["%s"] * len(values))
                cursor.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", tuple(values.values()))  # noqa: S608
        cursor.execute("COMMIT")
    connection.close()


def test_real_orders_move_and_are_equal_to_the_penny(system: Shop) -> None:
    expected = list(retail.read(CSV))
    plan = system.run("plan")
    assert plan.exit_code == 0, plan.output
    assert system.json("snapshot")["written"] == len(expected)
    system.follow()
    found = system.json("verify")
    assert (found["clean"], found["same"], found["different_groups"]) == (True, len(expected), 0)
    for order in expected:
        copied = system.order(order.number)
        assert copied.total == order.total
        assert [(line.sku, line.quantity, line.unit_price) for line in copied.items] == [
            (line["sku"], line["quantity"], line["unit_price"]) for line in order.lines
        ]
        assert adjustments(copied) == order.adjustments


def test_what_an_order_has_beside_its_lines_is_copied(system: Shop) -> None:
    system.json("snapshot")
    number = next(order.number for order in retail.read(CSV))
    shown = system.order(number).shown()
    assert shown["shipping_address"]["name"] in {"Ann Lee", "Ann"}
    billing = shown["billing_address"]
    assert billing["postal_code"] == "LS1 1AA"
    if "opencart" in system.mapping.name:
        assert (billing["company"], billing["line2"], billing["region"]) == ("Lee & Co", "Floor 2", "Yorkshire")
    assert shown["contact"] == {"email": "ann@shop.example", "phone": "0113 496 0000"}


def test_a_changed_total_or_item_is_followed(system: Shop) -> None:
    orders = list(retail.read(CSV))
    system.json("snapshot")
    if "opencart" in system.mapping.name:
        system.sql("UPDATE oc_order SET order_status_id = 5", "DELETE FROM oc_order_product WHERE order_product_id = 1")
    else:
        system.sql("UPDATE wp_wc_orders SET status = 'wc-completed'")
        system.sql("UPDATE wp_woocommerce_order_itemmeta SET meta_value = '9.99' WHERE meta_key = 'cost'")
    system.follow()
    assert {system.order(order.number).status for order in orders} == {"delivered"}
    assert system.json("verify", "--sample", "50")["different"] == 0


def adjustments(order: Order) -> list[tuple[str, int]]:
    return [(each.type, each.amount) for each in order.adjustments or ()]
