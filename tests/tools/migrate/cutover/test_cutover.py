"""`migrate compare`, `cutover` and `write-back`, with the whole local run: a shop hands its orders over, and back."""

import http.server
import json
import threading
from typing import Any

import pytest

from chalicelib.adapters import order_items
from ordersctl.local import tokens
from testkit.waiting import eventually
from tests.tools.migrate.moving import LEDGER, WRITE_BACK, Moving
from tests.tools.migrate.shop import Shop
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


def test_nothing_is_written_back_while_a_follow_runs_that_does_not_know_the_ledger(shop: Shop) -> None:
    shop.json("snapshot")
    following = shop.start("follow")
    shop.sql(LEDGER, "UPDATE orders SET comments = 'followed' WHERE orderNumber = 10100")
    eventually(lambda: shop.order(10100).note == "followed")
    shop.mapping.write_text(shop.mapping.read_text() + WRITE_BACK)
    shop.stage.environment |= {f"ORDERS_WRITE_BACK_{name}": "root" for name in ("HOST", "USER", "PASSWORD")}
    options = ("write-back", "--queue-url", shop.stage.sqs.create_queue(QueueName="none")["QueueUrl"], "--until-empty")
    assert "follow was started before the mapping had this [reverse]" in shop.run(*options).stderr
    shop.stage.killed(following, 0)
    assert shop.run(*options).exit_code == 0


def test_an_event_that_comes_twice_or_late_is_written_once(moving: Moving) -> None:
    shop = moving.shop
    shop.json("verify")
    for status in ("confirmed", "shipped"):
        moving.patch(shop.order_id(10102), "103", status=status)
    events: list[str] = []

    def both_came() -> bool:
        events.extend(shop.stage.bodies(moving.queue_url))
        return len(events) >= 2

    eventually(both_came)
    for body in (events[1], events[0], events[1]):
        shop.stage.sqs.send_message(QueueUrl=moving.queue_url, MessageBody=body)
    counts = shop.json("write-back", "--queue-url", moving.queue_url, "--until-empty")
    assert counts == {"written": 1, "late or repeated": 2}
    assert shop.server.rows("SELECT status FROM orders WHERE orderNumber = 10102", shop.database) == [("Shipped",)]


def test_an_order_that_is_erased_here_is_emptied_in_the_shop(moving: Moving) -> None:
    shop = moving.shop
    moving.patch(shop.order_id(10101), "112", note="personal")
    token = tokens.local_token(subject="admin", scope=tokens.ADMIN_SCOPE)
    answer = moving.api.delete(
        f"/orders/{shop.order_id(10101)}",
        params={"customer_id": "112"},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 204
    eventually(lambda: shop.stage.depth_of(moving.queue_url) == 2)
    shop.json("write-back", "--queue-url", moving.queue_url, "--until-empty")
    rows = shop.server.rows("SELECT status, comments FROM orders WHERE orderNumber = 10101", shop.database)
    assert rows == [("Cancelled", None)]
    assert shop.server.rows("SELECT COUNT(*) FROM orders", shop.database) == [(24,)]


def test_differences_are_grouped_by_field_and_cause(moving: Moving) -> None:
    shop = moving.shop
    mapping = shop.mapping.read_text()
    shop.mapping.write_text(mapping.replace("p.productName AS name", "UPPER(p.productName) AS name"))
    result = shop.run("compare", "--url", str(moving.api.base_url), "--orders", "24", "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [(each["field"], each["cause"], each["count"]) for each in found["differences"]] == [
        ("items", "another value in them", 24)
    ]
    shop.mapping.write_text(
        mapping.replace("p.productName AS name", "UPPER(p.productName) AS name").replace(
            "[compare]", '[compare]\nignore = ["items: another value in them"]'
        )
    )
    assert shop.json("compare", "--url", str(moving.api.base_url))["differences"] == []


def test_the_shops_own_api_is_asked_for_the_fields_that_the_mapping_names(moving: Moving) -> None:
    shop = moving.shop

    class ShopApi(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            number = int(self.path.rpartition("/")[2])
            self.send_response(404 if number == 10100 else 200)
            self.end_headers()
            if number != 10100:
                order = {"sum": shop.order(number).total + 1, "lines": [{"code": shop.order(number).items[0].sku}]}
                self.wfile.write(json.dumps({"order": order}).encode())

        def log_message(self, *_arguments: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), ShopApi) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        asked = f'order = "http://127.0.0.1:{server.server_port}/orders/{{key}}"\nfields = {{ total = "/order/sum" }}'
        shop.mapping.write_text(shop.mapping.read_text().replace("[compare]", f"[compare]\n{asked}"))
        result = shop.run("compare", "--url", str(moving.api.base_url), "--orders", "24", "--json")
        server.shutdown()
    found = {(each["field"], each["cause"]): each["count"] for each in json.loads(result.stdout)["differences"]}
    assert found == {("total", "rounding"): 23, ("order", "missing in the shop"): 1}


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
