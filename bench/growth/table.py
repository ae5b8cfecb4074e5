"""One table that grows, and the cost of the service's calls at each of its sizes.

A tenth of all orders belong to one customer, and a tenth each to two whom the index has under several keys; every other
customer has 50. Order number n is placed n minutes after the
first, so that a customer's new orders come after the old ones, as in reality.
"""

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from bench.growth.capacity import Call, Counting
from chalicelib.adapters import order_items
from chalicelib.adapters.order_table import OrderTable
from chalicelib.application import manage, process
from chalicelib.domain import clock, order_ids
from chalicelib.domain.commands import PlaceOrder
from chalicelib.domain.orders import Order, OrderStatus
from chalicelib.domain.request_context import RequestContext
from chalicelib.settings import SpreadCustomer
from ordersctl.shared import templates
from testkit.builders import SECRET, an_order, command, line, new_order

PAGE = 20
_FIRST = datetime(2024, 1, 1, tzinfo=UTC)
_SHARE = 10  # each large customer has every tenth order
_BLOCK = 500  # orders, of the three large customers and of seven others
_LARGE = ("large", "spread-4", "spread-16")
SPREAD = {name: SpreadCustomer(keys, keys, is_people=False) for name, keys in (("spread-4", 4), ("spread-16", 16))}
_WALKED = 50  # pages of a spread customer: the cost of one does not depend on how many follow
_BATCH = 25  # the most that BatchWriteItem takes
_TEN_LINES = [line(sku=f"8512{n}A", name=f"WHITE HANGING HEART {n}") for n in range(10)]

Costs = dict[tuple[str, str], tuple[Call, ...]]  # by operation and customer


@dataclass(frozen=True)
class Customer:
    """A customer and the numbers of their orders, the oldest first."""

    name: str
    numbers: Sequence[int]

    @property
    def customer_id(self) -> str:
        return _customer_of(self.numbers[0])

    def part(self, share: float) -> int:
        """The number of the order at this share of the customer's orders: 0 is the oldest, 1 the newest."""
        return self.numbers[round(share * (len(self.numbers) - 1))]


def customers(size: int) -> tuple[Customer, Customer]:
    """A large customer under one key of the index, and another customer from the middle of the table."""
    block = size // _BLOCK // 2 * _BLOCK
    return (
        Customer("a tenth of all orders", range(0, size, _SHARE)),
        Customer("50 orders", range(block + len(_LARGE), block + _BLOCK, _SHARE)),
    )


def spread_customers(size: int) -> tuple[Customer, ...]:
    """The large customers whom the index has under several keys."""
    return tuple(
        Customer(f"a tenth, under {SPREAD[name].read} keys", range(number, size, _SHARE))
        for number, name in enumerate(_LARGE)
        if name in SPREAD
    )


def create(client: Any, name: str) -> None:
    """Make the template's table and index, without stream, encryption and backups, which cost no request units."""
    table = templates.load(templates.RESOURCES)["Resources"]["OrderTable"]["Properties"]
    index = ("IndexName", "KeySchema", "Projection")
    client.create_table(
        TableName=name,
        AttributeDefinitions=table["AttributeDefinitions"],
        KeySchema=table["KeySchema"],
        GlobalSecondaryIndexes=[{each: found[each] for each in index} for found in table["GlobalSecondaryIndexes"]],
        BillingMode="PAY_PER_REQUEST",
    )
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})


def fill(client: Any, name: str, start: int, size: int) -> None:
    """Grow the table from `start` orders to `size`, by writing items directly."""

    def write(first: int) -> None:
        numbers = range(first, min(first + _BATCH, size))
        puts = [{"PutRequest": {"Item": order_items.to_item(_order(number), SPREAD)}} for number in numbers]
        assert not client.batch_write_item(RequestItems={name: puts}).get("UnprocessedItems")  # noqa: S101 - the engines do not throttle

    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(write, range(start, size, _BATCH)):
            pass


def measure(client: Any, name: str, size: int) -> Costs:
    """Run what the API and the processor do, for each customer, and record the calls. The lists stay unchanged."""
    costs: Costs = {}
    counting = Counting(client)
    table = OrderTable(cast("Any", counting), name, spread=SPREAD)
    for customer in customers(size):
        for operation, run in (*_lists(table, customer), *_orders(table, customer, size)):
            counting.calls.clear()
            run()
            costs[operation, customer.name] = tuple(counting.calls)
        counting.calls.clear()
        newest_first = [_order_id(number) for number in reversed(customer.numbers)]
        assert _all_pages(table, customer) == newest_first  # noqa: S101 - each order once
        most_expensive = max(counting.calls, key=lambda call: (call.units, call.read))
        costs["the most expensive page, following cursors to the end", customer.name] = (most_expensive,)
        counting.calls.clear()
        assert not _all_pages(table, customer, OrderStatus.REJECTED)  # noqa: S101 - no order has it
        costs["all pages by a status that no order has", customer.name] = tuple(counting.calls)
    for customer in spread_customers(size):
        for operation, run in _lists(table, customer):
            counting.calls.clear()
            run()
            costs[operation, customer.name] = tuple(counting.calls)
        newest_first = [_order_id(number) for number in reversed(customer.numbers)][: _WALKED * PAGE]
        assert _all_pages(table, customer, most=_WALKED) == newest_first  # noqa: S101 - each order once
    return costs


def _lists(table: OrderTable, customer: Customer) -> Iterator[tuple[str, Callable[[], object]]]:
    page = functools.partial(table.list_for_customer, customer.customer_id, limit=PAGE)
    yield "first page", page
    yield "page from the middle, by cursor", functools.partial(page, start_after=_placed_key(customer.part(0.5)))
    window = {"placed_after": _moment(customer.part(0.25)), "placed_before": _moment(customer.part(0.75))}
    yield "first page of a time window, half of all", functools.partial(page, **cast("Any", window))
    yield "first page by a status that every tenth order has", functools.partial(page, status=OrderStatus.DELIVERED)
    yield "first page by a status that no order has", functools.partial(page, status=OrderStatus.REJECTED)


def _orders(table: OrderTable, customer: Customer, size: int) -> Iterator[tuple[str, Callable[[], object]]]:
    ids: dict[str, Any] = {"owner": customer.customer_id, "secret": SECRET}
    new = order_ids.mint(SECRET, customer.customer_id, f"new at {size}")
    placed = new_order(items=_TEN_LINES)
    place = command(order_id=new, customer_id=customer.customer_id, placed_at=_moment(size), order=placed)
    store = functools.partial(process.store_order, PlaceOrder.model_validate(place), table, prices=None)
    read = functools.partial(manage.read_order, table=table, **ids)
    context = RequestContext(_moment(size), "bench")
    patch: dict[str, Any] = {"patch": {"note": "ring twice"}, "by_service": False, "seen_versions": frozenset({1})}
    yield "read an order", functools.partial(read, _order_id(customer.part(0.5)))
    yield "read an order that is not stored yet", functools.partial(read, new)
    yield "store an order of ten lines", store
    yield "store the same order again: refused", store
    change = functools.partial(manage.change_order, new, context=context, table=table, prices=None)
    yield "change it", functools.partial(change, **patch, **ids)
    yield "erase it", functools.partial(manage.erase_order, new, context=context, table=table, **ids)


def _all_pages(
    table: OrderTable, customer: Customer, status: OrderStatus | None = None, most: int | None = None
) -> list[object]:
    """The ids of all orders that a client reads by following the cursors; `most` is how many pages it reads."""
    seen: list[object] = []
    cursor = None
    for _ in itertools.count() if most is None else range(most):
        page = table.list_for_customer(customer.customer_id, limit=PAGE, status=status, start_after=cursor)
        seen += [order["order_id"] for order in page.orders]
        if (cursor := page.last_placed_key) is None:
            break
    return seen


def _customer_of(number: int) -> str:
    part = number % _SHARE
    return _LARGE[part] if part < len(_LARGE) else f"small-{number // _BLOCK}-{part}"


def _order_id(number: int) -> str:
    return order_ids.mint(SECRET, _customer_of(number), str(number))


def _moment(number: int) -> str:
    return clock.rfc3339(_FIRST + timedelta(minutes=number))


def _placed_key(number: int) -> str:
    return f"{_moment(number)}#{_order_id(number)}"


@functools.cache
def _any_order() -> Order:
    return an_order()


def _order(number: int) -> Order:
    moment = _moment(number)
    delivered = number // _SHARE % 10 == 9  # noqa: PLR2004 - the tenth of ten
    return _any_order().model_copy(
        update={
            "order_id": _order_id(number),
            "customer_id": _customer_of(number),
            "status": OrderStatus.DELIVERED if delivered else OrderStatus.PLACED,
            "placed_at": moment,
            "updated_at": moment,
        }
    )
