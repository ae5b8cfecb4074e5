"""Copies are published to nobody; with --events follow, and after a change here, each version is one event."""

import io
import json
from typing import Any

import pytest
from jsonschema import Draft7Validator

from chalicelib.adapters.order_table import OrderTable
from chalicelib.domain.orders import OrderStatus
from ordersctl.contract import event_schemas
from ordersctl.operate.replay.orders import event_of
from testkit import builders
from tests.tools.migrate.publishing import Published
from tests.tools.migrate.shop import Shop
from tests.tools.operate.stage import TABLE

# The shop's statuses, and ours by its mapping.
STATUSES = {
    "On Hold": "placed",
    "In Process": "confirmed",
    "Shipped": "shipped",
    "Resolved": "delivered",
    "Cancelled": "cancelled",
}

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


@pytest.mark.parametrize(("legacy", "status"), STATUSES.items())
def test_with_events_a_new_order_is_published_by_its_status_as_a_replay_publishes_it(
    shop: Shop, published: Published, legacy: str, status: str
) -> None:
    shop.json("snapshot")
    values = f"(10104, '2004-02-01', '2004-02-07', NULL, '{legacy}', NULL, 103)"
    shop.transaction(
        f"INSERT INTO orders VALUES {values}",  # noqa: S608
        "INSERT INTO orderdetails VALUES (10104, 'S10_1678', 3, 80.50, 1)",
    )
    shop.follow("--events", "follow")
    (event,) = published.events()
    assert (event["type"], event["sequence"], event["data"]["status"]) == (f"order.{status}", "1", status)
    Draft7Validator(event_schemas.schemas()[event["type"]]).validate(without_nulls(event))
    assert event_of(shop.order(10104), source=event["source"]).model_dump(mode="json") == event | {"replayed": True}


def test_a_followed_change_of_status_that_is_none_here_keeps_to_the_schema(shop: Shop, published: Published) -> None:
    shop.json("snapshot")
    shop.sql("UPDATE orders SET status = 'Shipped' WHERE orderNumber = 10102")
    shop.follow("--events", "follow")
    (event,) = published.events()
    assert event["type"] == "order.shipped"
    Draft7Validator(event_schemas.schemas()["order.shipped"]).validate(without_nulls(event))


def without_nulls(event: dict[str, Any]) -> dict[str, Any]:
    """An event as it is published."""
    return {name: value for name, value in event.items() if value is not None}
