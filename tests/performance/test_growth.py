"""Reading an order and listing a customer's cost the same in a small table and in a large one."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest

from chalicelib import items
from chalicelib.order_table import OrderTable
from ordersctl.engine import client_options
from tests.builders import an_order, fresh_order_id

SMALL, LARGE = 100, 3_000


@dataclass
class Counting:
    """A DynamoDB client that notes each call, what it read, and what it would be billed."""

    client: Any
    calls: list[tuple[str, int, float]] = field(default_factory=list)

    def query(self, **parameters: Any) -> Any:
        answer = self.client.query(**parameters, ReturnConsumedCapacity="TOTAL")
        self.calls.append(("Query", answer["ScannedCount"], answer["ConsumedCapacity"]["CapacityUnits"]))
        return answer

    def get_item(self, **parameters: Any) -> Any:
        answer = self.client.get_item(**parameters, ReturnConsumedCapacity="TOTAL")
        self.calls.append(("GetItem", 1, answer["ConsumedCapacity"]["CapacityUnits"]))
        return answer


@pytest.fixture
def dynamodb(engine_url: str, stack: dict[str, str]) -> Any:
    assert stack
    return boto3.client("dynamodb", **client_options(engine_url))


def fill(dynamodb: Any, table: str, customer: str, count: int) -> str:
    """Put orders into the table, past the doors; returns the id of one."""
    found = []
    for number in range(count):
        moment = f"2026-01-{number % 28 + 1:02}T12:00:00.{number % 1000:03}Z"
        found.append(an_order(order_id=fresh_order_id(customer), customer_id=customer, placed_at=moment))

    def write(start: int) -> None:
        puts = [{"PutRequest": {"Item": items.to_item(each)}} for each in found[start : start + 25]]
        assert not dynamodb.batch_write_item(RequestItems={table: puts})["UnprocessedItems"]

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, range(0, count, 25)))
    return found[0].order_id


def test_a_page_and_an_order_cost_the_same_among_few_orders_and_among_many(
    dynamodb: Any, stack: dict[str, str]
) -> None:
    name = stack["OrderTable"]
    costs = []
    for count in (SMALL, LARGE):
        customer = f"growth-{uuid.uuid4().hex[:8]}"
        order_id = fill(dynamodb, name, customer, count)
        counting = Counting(dynamodb)
        table = OrderTable(counting, name)  # type: ignore[arg-type]  # the two operations that are looked at
        page = table.list_for_customer(customer, limit=20)
        assert len(page.orders) == 20
        second = table.list_for_customer(customer, limit=20, start_after=page.last_placed_key)
        assert len(second.orders) == 20
        table.get(order_id)
        costs.append(counting.calls)
    assert costs[0] == costs[1]
    assert [(call, read) for call, read, _ in costs[0]] == [("Query", 21), ("Query", 21), ("GetItem", 1)]
