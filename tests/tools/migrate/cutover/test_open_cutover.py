"""A cutover while the shop stays open: this service's clients and the shop's own writer at once, and every process."""

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from testkit.waiting import eventually
from tests.tools.migrate.moving import Moving

pytestmark = pytest.mark.full  # a whole local run, and half a minute

CLIENTS, ORDERS = 3, 5
NEW = {"currency": "USD", "items": [{"sku": "S10_1678", "quantity": 2, "unit_price": 8135}]}


class Client:
    """A client who places orders and changes these and an imported one; keeps the last version of each."""

    def __init__(self, moving: Moving, number: int) -> None:
        self.moving, self.number = moving, number
        self.versions: dict[str, int] = {}

    def work(self) -> None:
        imported = 20_000 + 2 * self.number  # of customer 103
        order_id = self.moving.shop.order_id(imported)
        self.change(order_id, status="delivered")
        for number in range(ORDERS):
            order_id = self.place(f"client-{self.number}-{number}")
            self.change(order_id, note=f"ring {number} times")
            self.change(order_id, status="cancelled" if number % 2 else "confirmed")

    def place(self, key: str) -> str:
        for _ in range(2):  # the second time as a client that has not seen the answer
            answer = self.moving.api.post(
                "/orders", params={"customer_id": "103"}, json=NEW, headers={"Idempotency-Key": key}
            )
        order_id = str(answer.json()["order_id"])
        eventually(lambda: self.read(order_id).get("version"))
        return order_id

    def read(self, order_id: str) -> dict[str, Any]:
        return dict(self.moving.api.get(f"/orders/{order_id}", params={"customer_id": "103"}).json())

    def change(self, order_id: str, **change: Any) -> None:
        self.versions[order_id] = int(self.moving.patch(order_id, "103", **change)["version"])


def test_clients_and_the_shop_write_at_once_and_nothing_is_lost_doubled_or_different(moving: Moving) -> None:
    shop = moving.shop
    events_url = shop.stage.sqs.create_queue(QueueName="all-events")["QueueUrl"]
    moving.subscribe(events_url)
    shop.stage.sqs.set_queue_attributes(QueueUrl=moving.queue_url, Attributes={"VisibilityTimeout": "2"})
    shop.json("verify")
    moving.cutover("reads")
    write_back = ("write-back", "--queue-url", moving.queue_url)
    writing = shop.start(*write_back)
    moving.cutover("changes")
    moving.cutover("place")

    clients, done = [Client(moving, number) for number in range(CLIENTS)], threading.Event()
    with ThreadPoolExecutor(CLIENTS + 1) as pool:
        shops_own = pool.submit(_write_in_the_shop, moving, done)
        working = [pool.submit(client.work) for client in clients]
        eventually(lambda: _ledger(moving))
        assert shop.stage.killed(writing, 0)  # in the middle; what it held is delivered again
        writing = shop.start(*write_back)
        for each in working:
            each.result()
        done.set()
        assert shops_own.result() > 0

    versions = {order_id: version for client in clients for order_id, version in client.versions.items()}
    eventually(lambda: _ledger(moving) == versions, within=40)
    shop.stage.killed(writing, 0)
    events: Counter[tuple[str, int]] = Counter()

    def all_came() -> bool:
        received = [json.loads(body) for body in shop.stage.bodies(events_url)]
        events.update((each["subject"], int(each["sequence"])) for each in received)
        return len(events) >= sum(versions.values()) - CLIENTS

    eventually(all_came, within=40)
    imported = {shop.order_id(20_000 + 2 * number) for number in range(CLIENTS)}
    first = {order_id: 2 if order_id in imported else 1 for order_id in versions}  # a copy is a version without event
    assert events == Counter(
        (order_id, version) for order_id, last in versions.items() for version in range(first[order_id], last + 1)
    )
    rows = shop.server.rows("SELECT orderNumber FROM orders WHERE comments LIKE 'ring%'", shop.database)
    assert len(rows) == CLIENTS * ORDERS
    found = shop.json("verify")
    assert (found["clean"], found["written_back"], found["same"]) == (True, len(versions), 24 - CLIENTS)


def _write_in_the_shop(moving: Moving, done: threading.Event) -> int:
    """Change orders that no client changes, until the clients are done; returns how often."""
    number = 0
    while not done.wait(0.05):
        moving.shop.sql(f"UPDATE orders SET comments = 'open {number}' WHERE orderNumber IN (10101, 20001)")  # noqa: S608
        number += 1
    return number


def _ledger(moving: Moving) -> dict[str, int]:
    rows = moving.shop.server.rows("SELECT order_id, sequence FROM orders_ledger", moving.shop.database)
    return {str(order_id): int(sequence) for order_id, sequence in rows}
