"""`replay --since` of a large table: in parallel, in few calls, in bounded memory, and resumed where it stopped."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

import pytest

from chalicelib.adapters import order_items
from chalicelib.adapters.order_table import OrderTable
from ordersctl.operate.replay.command import send_all
from ordersctl.operate.replay.orders import SCANNED_PAGE, SEGMENTS, Page, changed_between
from ordersctl.operate.replay.progress import ProgressFile, ReplayProgress
from ordersctl.operate.replay.targets import to_consumer
from ordersctl.operate.send import RateLimit
from ordersctl.shared.stage import Stage
from testkit import builders
from tests.tools.operate.replay.test_replay_batches import QUEUE, BatchClient

ORDERS = 10_000
WINDOW = ("2026-01-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z")


class Table:
    """boto3's client of a table; an order's segment follows from its number. `ahead` counts pages not yet taken."""

    def __init__(self, orders: int) -> None:
        self.numbers, self.calls = range(orders), Counter[str]()
        self.ahead, self.most_ahead = 0, 0
        self._lock = threading.Lock()
        self._item = order_items.to_item(builders.an_order())

    def scan(self, **asked: Any) -> dict[str, Any]:
        segment, segments = asked.get("Segment", 0), asked.get("TotalSegments", 1)
        start = int(asked.get("ExclusiveStartKey", {"order_id": {"S": "-1"}})["order_id"]["S"])
        mine = [number for number in self.numbers if number % segments == segment and number > start]
        chosen = mine[: asked["Limit"]]
        with self._lock:
            self.calls["Scan"] += 1
            self.ahead += 1
            self.most_ahead = max(self.most_ahead, self.ahead)
        more = {"LastEvaluatedKey": {"order_id": {"S": str(chosen[-1])}}} if len(mine) > len(chosen) else {}
        items = [{**self._item, "order_id": {"S": str(number)}} for number in chosen]
        return {"Items": items, "ScannedCount": len(items), **more}

    def pages(self, after: Any = None) -> Iterator[Page]:
        for page in changed_between(OrderTable(cast("Any", self), "orders-x"), *WINDOW, after):
            with self._lock:
                self.ahead -= 1
            yield page


def sent(client: BatchClient) -> Counter[str]:
    return Counter(json.loads(entry["MessageBody"])["subject"] for batch in client.batches for entry in batch)


def send(client: BatchClient, page: Page) -> int:
    return send_all(
        "urn:orders:x",
        to_consumer(Stage("x", client, {}), QUEUE),  # type: ignore[arg-type]  # as much of a session as it needs
        RateLimit(1_000_000),
        lambda _: None,
        [order for order in page.orders if order is not None],
    )


@pytest.mark.full  # ten thousand orders
def test_a_million_orders_take_a_thousand_scans_and_a_hundred_thousand_sends() -> None:
    table, client = Table(ORDERS), BatchClient()
    assert sum(send(client, page) for page in table.pages()) == ORDERS
    assert sent(client) == {str(number): 1 for number in range(ORDERS)}
    assert table.calls["Scan"] <= ORDERS / SCANNED_PAGE + SEGMENTS
    assert len(client.batches) == ORDERS / 10
    assert table.most_ahead <= 2 * SEGMENTS, "pages in memory, however large the table is"


def test_a_stopped_replay_continues_in_each_segment_where_it_stopped(tmp_path: Any) -> None:
    table, file = Table(2 * SCANNED_PAGE * SEGMENTS), ProgressFile(tmp_path / "progress.json")
    read: list[str] = []
    progress = ReplayProgress(until=WINDOW[1])
    pages = table.pages()
    for page in (next(pages) for _ in range(3)):
        read += [order.order_id for order in page.orders if order is not None]
        progress.add(page, sent=0, filtered=0, left=0)
        file.write(progress)
    found = file.read()
    assert found is not None
    for page in table.pages(found.after):
        read += [order.order_id for order in page.orders if order is not None]
    assert Counter(read) == {str(number): 1 for number in table.numbers}


def test_a_progress_of_an_earlier_release_continues_as_one_segment() -> None:
    table = Table(20)
    read = [order.order_id for page in table.pages({"order_id": {"S": "12"}}) for order in page.orders if order]
    assert read == [str(number) for number in range(13, 20)]
