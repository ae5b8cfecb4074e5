"""The cost of calls in a small table and in one twelve times as large; `make growth` continues to 10^6 orders.

Ministack charges writes as DynamoDB does, and all reads alike. So the request units of reads are computed by DynamoDB's
rules (bench/growth/capacity.py), and the rules for writes are checked against the engine.
"""

from collections.abc import Iterator

import boto3
import pytest

from bench.growth import capacity, table
from bench.growth.capacity import Call
from bench.growth.table import Costs
from chalicelib.adapters import order_items
from ordersctl.shared.engine_client import client_options
from testkit.builders import LATER, an_order

pytestmark = pytest.mark.full  # 12,000 orders in the engine; `make growth` runs all sizes

SMALL, LARGE = 1_000, 12_000  # orders, a tenth of them one customer's: 100 and 1,200
BY_A_RARE_STATUS = "first page by a status that every tenth order has"
BY_NO_STATUS = "first page by a status that no order has"
ALL_BY_NO_STATUS = "all pages by a status that no order has"
PAGE = [("Query", 21, 1.0)]  # one more than is shown, to know whether there is a next page
# Operation, what it reads, request units.
COSTS = {
    "first page": PAGE,
    "page from the middle, by cursor": PAGE,
    "first page of a time window, half of all": PAGE,
    "the most expensive page, following cursors to the end": PAGE,
    "read an order": [("GetItem", 1, 1.0)],
    "read an order that is not stored yet": [("GetItem", 1, 1.0)],
    "store an order of ten lines": [("PutItem", 0, 2.0)],  # the item and its index entry
    "store the same order again: refused": [("PutItem", 0, 1.0)],
    "change it": [("GetItem", 1, 1.0), ("UpdateItem", 0, 2.0)],
    "erase it": [("GetItem", 1, 1.0), ("PutItem", 0, 2.0)],
}
FEW, MANY = (customer.name for customer in reversed(table.customers(SMALL)))


@pytest.fixture(scope="module")
def costs(engine_url: str) -> Iterator[dict[int, Costs]]:
    """The cost of the service's calls at both sizes of one table."""
    client = boto3.client("dynamodb", **client_options(engine_url))
    name = "orders-growth"
    table.create(client, name)
    found = {}
    for grown, size in ((0, SMALL), (SMALL, LARGE)):
        table.fill(client, name, grown, size)
        found[size] = table.measure(client, name, size)
    yield found
    client.delete_table(TableName=name)


def read_by(calls: tuple[Call, ...]) -> list[tuple[str, int, float]]:
    return [(call.operation, call.read, call.units) for call in calls]


@pytest.mark.parametrize("customer", [FEW, MANY])
@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_an_operation_without_a_filter_costs_the_same_in_a_small_and_a_large_table(
    costs: dict[int, Costs], size: int, customer: str
) -> None:
    assert {operation: read_by(costs[size][operation, customer]) for operation in COSTS} == COSTS


def test_every_measured_operation_is_checked(costs: dict[int, Costs]) -> None:
    assert {operation for operation, _ in costs[LARGE]} == {*COSTS, BY_A_RARE_STATUS, BY_NO_STATUS, ALL_BY_NO_STATUS}


@pytest.mark.parametrize("operation", [BY_A_RARE_STATUS, BY_NO_STATUS, ALL_BY_NO_STATUS])
def test_a_list_by_status_costs_by_the_customers_orders_and_not_by_the_table(
    costs: dict[int, Costs], operation: str
) -> None:
    assert read_by(costs[SMALL][operation, FEW]) == read_by(costs[LARGE][operation, FEW]) == [("Query", 50, 1.5)]


def test_a_list_by_status_reads_at_most_a_thousand_entries_of_a_customer_who_has_more(
    costs: dict[int, Costs],
) -> None:
    step = ("Query", 100, 3.0)
    assert read_by(costs[LARGE][BY_A_RARE_STATUS, MANY]) == [step] * 2
    assert read_by(costs[LARGE][BY_NO_STATUS, MANY]) == [step] * 10
    # Following the cursors costs what the customer has: 1,200 entries here, and an empty page behind the last.
    assert read_by(costs[LARGE][ALL_BY_NO_STATUS, MANY]) == [step] * 12 + [("Query", 0, 0.5)]


def test_the_rules_charge_a_write_as_the_engine_does(costs: dict[int, Costs]) -> None:
    written = [call for found in costs.values() for calls in found.values() for call in calls if call.engine_units]
    ours, engines = zip(
        *[(c.units, c.engine_units) for c in written if c.operation not in {"GetItem", "Query"}], strict=True
    )
    assert len(ours) == 2 * 2 * 3
    assert ours == engines


def test_request_units_follow_the_rules_of_dynamodb() -> None:
    assert [capacity.read_units(size, consistent=True) for size in (0, 1, 4096, 4097)] == [1, 1, 1, 2]
    assert [capacity.read_units(size, consistent=False) for size in (0, 4096, 4097)] == [0.5, 0.5, 1]
    one, long = order_items.to_item(an_order()), order_items.to_item(an_order(new={"note": "n" * 1_000}))
    assert capacity.put_units(None, one) == 1 + 1
    assert capacity.put_units(long, one) == capacity.put_units(one, long) == 2 + 0
    assert capacity.put_units(one, order_items.to_item(an_order(version=2))) == 1 + 1
    assert capacity.put_units(one, order_items.to_item(an_order(placed_at=LATER))) == 1 + 2
