"""`migrate snapshot` and `migrate follow`: what is in the shop is in the table, and stays so."""

from functools import partial

import pytest

from chalicelib.adapters.order_table import OrderTable
from chalicelib.application.manage import read_order
from chalicelib.domain.errors import OrderNotFound
from chalicelib.domain.orders import Order
from ordersctl.migrate.errors import SourceLost
from ordersctl.migrate.mapping import document
from ordersctl.migrate.mapping.rows import Mapper
from ordersctl.migrate.source.connection import Server
from ordersctl.migrate.source.reads import Reader
from tests.tools.migrate.shop import Shop
from tests.tools.operate.stage import TABLE

pytestmark = pytest.mark.full  # needs a MariaDB server


def test_an_order_is_copied_with_its_lines_address_and_times(shop: Shop) -> None:
    assert shop.json("snapshot") == {"orders": 4, "written": 4}
    order = shop.order(10100)
    assert order.shown() == {
        "order_id": shop.order_id(10100),
        "customer_id": "103",
        "status": "shipped",
        "currency": "USD",
        "items": [
            {"sku": "S10_1949", "name": "1952 Alpine", "quantity": 5, "unit_price": 10000},
            {"sku": "S10_1678", "name": "1969 Harley", "quantity": 30, "unit_price": 8135},
        ],
        "subtotal": 294_050,
        "total": 294_050,
        "shipping_address": {
            "name": "Ann Lee",
            "line1": "1 High Street",
            "city": "Leeds",
            "postal_code": "LS1 1AA",
            "country": "GB",
        },
        "reference": "10100",
        "version": 1,
        "placed_at": "2003-01-06T00:00:00.000Z",
        "updated_at": "2003-01-06T00:00:00.000Z",
    }
    assert shop.order(10101).placed_at == "2003-07-08T23:00:00.000Z"  # British Summer Time


def test_changes_are_followed(shop: Shop) -> None:
    shop.json("snapshot")
    shop.sql("UPDATE orders SET status = 'Shipped' WHERE orderNumber = 10101")
    shop.sql("UPDATE orderdetails SET quantityOrdered = 7 WHERE orderNumber = 10102")
    shop.sql("UPDATE customers SET city = 'York' WHERE customerNumber = 103")
    shop.sql("DELETE FROM orders WHERE orderNumber = 10103")
    shop.follow()
    assert shop.order(10101).status == "shipped"
    assert shop.order(10102).items[0].quantity == 7
    assert [shop.order(number).shipping_address.city for number in (10100, 10102)] == ["York", "York"]  # type: ignore[union-attr]
    assert shop.is_erased(10103)


def test_an_order_that_gets_another_number_is_one_order_still(shop: Shop) -> None:
    shop.json("snapshot")
    shop.sql("SET foreign_key_checks = 0", "UPDATE orders SET orderNumber = 9 WHERE orderNumber = 10101")
    shop.sql("SET foreign_key_checks = 0", "UPDATE orderdetails SET orderNumber = 9 WHERE orderNumber = 10101")
    shop.follow()
    assert shop.is_erased(10101)
    assert shop.order(9).total == 19_998


def test_a_row_that_is_deleted_and_inserted_again_is_an_order_again(shop: Shop) -> None:
    shop.json("snapshot")
    shop.sql("DELETE FROM orders WHERE orderNumber = 10103")
    shop.follow()
    shop.sql("INSERT INTO orders VALUES (10103, '2004-01-29', '2004-02-07', NULL, 'Shipped', NULL, 112)")
    shop.sql("INSERT INTO orderdetails VALUES (10103, 'S10_1678', 3, 80.50, 1)")
    shop.follow()
    assert (shop.order(10103).status, shop.order(10103).version) == ("shipped", 3)


def test_a_customer_of_the_copied_order_reads_it_and_no_other_does(shop: Shop) -> None:
    shop.json("snapshot")
    order = shop.order(10102)
    table = OrderTable(shop.stage.dynamodb, TABLE)
    read = partial(read_order, order.order_id, secret=b"another", table=table)
    assert read(owner="103") == order
    with pytest.raises(OrderNotFound):
        read(owner="112")


def test_a_read_waits_until_what_the_log_has_is_visible(shop: Shop) -> None:
    server = Server("127.0.0.1", shop.server.port, "root", "", tls=False)
    reader = Reader(server, Mapper(document.read(shop.mapping), b"secret"))
    end = reader.end_of_log()
    later = end._replace(offset=end.offset + 1)
    with pytest.raises(SourceLost, match="did not become visible"), reader.snapshot(later):
        pass  # a snapshot that does not see what is there would be read in vain
    shop.sql("UPDATE orders SET status = 'Shipped' WHERE orderNumber = 10101")
    with reader.snapshot(later) as seen:
        (order,) = seen.load([10101]).values()
    assert isinstance(order, Order)
    assert order.status == "shipped"
    reader.close()


def test_a_table_that_was_changed_since_a_read_began_is_read_again(shop: Shop) -> None:
    server = Server("127.0.0.1", shop.server.port, "root", "", tls=False)
    reader = Reader(server, Mapper(document.read(shop.mapping), b"secret"))

    def read_while_it_changes() -> None:
        with reader.snapshot() as seen:
            shop.sql("SET foreign_key_checks = 0", "TRUNCATE TABLE orderdetails")
            seen.load([10101])

    with pytest.raises(SourceLost, match="definition has changed"):
        read_while_it_changes()


def test_an_order_whose_joined_row_is_missing_is_refused_and_not_taken_for_deleted(shop: Shop) -> None:
    shop.json("snapshot")
    shop.sql("SET foreign_key_checks = 0", "DELETE FROM customers WHERE customerNumber = 112")
    shop.sql("UPDATE orders SET comments = 'x' WHERE orderNumber = 10101")
    assert shop.follow()["refused"] == 2
    assert shop.order(10101).note == "call first"
    assert "is a row missing that is joined?" in shop.run("verify").stdout


def test_parts_whose_key_is_a_text_are_not_left_out_in_silence(shop: Shop) -> None:
    columns = "CAST(orderNumber AS CHAR) AS orderNumber, 'fee' AS type, 1 AS amount"
    select = f"SELECT {columns} FROM orders WHERE orderNumber IN :keys"  # noqa: S608
    shop.mapping.write_text(f'{shop.mapping.read_text()}\n[adjustments]\nselect = "{select}"\n')
    assert "orderNumber = '10100', which is not one of :keys" in shop.run("snapshot").stderr
