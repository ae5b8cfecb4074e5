"""Copies are published to nobody; with --events follow, and after a change here, each version is one event."""

import io
import json

import pytest

from chalicelib.adapters.order_table import OrderTable
from chalicelib.domain.orders import OrderStatus
from testkit import builders
from tests.tools.migrate.publishing import Published
from tests.tools.migrate.shop import Shop
from tests.tools.operate.stage import TABLE

pytestmark = pytest.mark.full  # needs a MariaDB server


@pytest.fixture
def published(shop: Shop) -> Published:
    return Published(shop)


def test_history_makes_no_event_and_no_metric(shop: Shop, published: Published, log: io.StringIO) -> None:
    shop.json("snapshot")
    shop.sql("UPDATE orders SET status = 'Shipped' WHERE orderNumber = 10101")
    shop.sql("DELETE FROM orders WHERE orderNumber = 10103")
    shop.follow()
    assert published.events() == []
    assert log.getvalue() == ""


def test_a_change_here_of_a_copied_order_is_an_event(shop: Shop, published: Published) -> None:
    shop.json("snapshot")
    before = shop.order(10102)
    after = before.change(None, status=OrderStatus.CONFIRMED, reason=None, by_service=True, now=builders.LATER)
    OrderTable(shop.stage.dynamodb, TABLE).update(before, after)
    (event,) = published.events()
    assert (event["type"], event["sequence"], event["data"]["previous_status"]) == ("order.confirmed", "2", "placed")


def test_with_events_each_followed_change_is_one_event_without_an_age(
    shop: Shop, published: Published, log: io.StringIO
) -> None:
    shop.json("snapshot")
    shop.sql("UPDATE orders SET status = 'Shipped' WHERE orderNumber = 10101")
    shop.follow("--events", "follow")
    (event,) = published.events()
    assert (event["type"], event["subject"], event["correlationid"]) == (
        "order.shipped",
        shop.order_id(10101),
        "import-classic",
    )
    (line,) = [json.loads(each) for each in log.getvalue().splitlines()]
    assert (line["event"], "published_after_ms" in line) == ("event.published", False)
