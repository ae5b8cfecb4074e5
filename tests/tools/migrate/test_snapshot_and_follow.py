"""`migrate snapshot` and `migrate follow`: what is in the shop is in the table, and stays so."""

import pytest

from tests.tools.migrate.shop import Shop

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
