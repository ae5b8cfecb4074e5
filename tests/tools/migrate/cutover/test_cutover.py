"""`migrate cutover`, with the whole local run: a shop hands its orders over, and takes them back."""

import pytest

from chalicelib.adapters import order_items
from testkit.waiting import eventually
from tests.tools.migrate.moving import Moving
from tests.tools.operate.stage import TABLE

pytestmark = pytest.mark.full  # a whole local run, and half a minute


def test_a_shop_hands_over_reads_changes_and_new_orders_and_takes_them_back(moving: Moving) -> None:
    shop = moving.shop
    assert "verify has not compared" in moving.refused("reads")
    assert shop.json("verify")["clean"]
    assert shop.json("compare", "--url", str(moving.api.base_url), "--orders", "10")["differences"] == []

    assert "reads first" in moving.refused("changes")
    assert any("24 orders" in each for each in moving.cutover("reads"))
    assert "Warning: write-back does not run here." in shop.run("cutover", "--route", "changes").stderr
    assert "changes first" in moving.refused("reads", "--back")
    changed = moving.patch(shop.order_id(10102), "103", status="confirmed")
    assert (changed["version"], changed["status"]) == (2, "confirmed")
    shop.sql("UPDATE orders SET comments = 'too late' WHERE orderNumber = 10102")

    moving.cutover("place")
    new = {"currency": "USD", "items": [{"sku": "S10_1678", "quantity": 2, "unit_price": 8135}]}
    answer = moving.api.post("/orders", params={"customer_id": "103"}, json=new, headers={"Idempotency-Key": "b-1"})
    order_id = answer.json()["order_id"]
    eventually(
        lambda: moving.api.get(f"/orders/{order_id}", params={"customer_id": "103"}).json()["status"] == "placed"
    )
    moving.write_back(2)  # the change and the new order: the copies made no event
    rows = shop.server.rows("SELECT status, customerNumber FROM orders WHERE orderNumber = 20020", shop.database)
    assert rows == [("On Hold", 103)]
    assert shop.server.rows("SELECT status FROM orders WHERE orderNumber = 10102", shop.database) == [("In Process",)]

    moving.patch(order_id, "103", note="ring twice")
    moving.write_back(1)
    assert shop.server.rows("SELECT comments FROM orders WHERE orderNumber = 20020", shop.database) == [("ring twice",)]
    found = shop.json("verify")  # what was written back is not copied again
    assert (found["clean"], found["same"], found["written_back"]) == (True, 23, 2)
    assert shop.item(20020) == {}

    assert "place first" in moving.refused("changes", "--back")
    for route in ("place", "changes", "reads"):
        moving.cutover(route, "--back")
    assert moving.flips.read_text().splitlines() == [
        *("reads orders", "changes orders", "place orders"),
        *("place legacy", "changes legacy", "reads legacy"),
    ]


def test_a_failing_hook_a_sample_that_differs_or_a_stopped_follower_hands_nothing_over(moving: Moving) -> None:
    shop = moving.shop
    shop.json("verify")
    moving.shop.mapping.write_text(shop.mapping.read_text().replace("/flip", "/no-such-command"))
    assert "did not hand reads over" in moving.refused("reads")
    shop.stage.dynamodb.delete_item(TableName=TABLE, Key=order_items.key(shop.order_id(20003)))
    assert shop.run("verify", "--sample", "24").exit_code == 1
    assert "differences in a sample of 24: 1 order different, 0 refused" in moving.refused("reads")
    shop.json("snapshot", "--key", "20003")
    shop.json("verify")
    shop.mapping.write_text(shop.mapping.read_text().partition("[cutover]")[0])
    assert moving.cutover("reads")
    assert "Warning: the mapping has no [reverse]" in shop.run("cutover", "--route", "changes").stderr
    shop.stage.killed(shop.stage.started[0], 0)
    assert "follow is not running" in moving.refused("place")
