"""Lists of spread customers: whatever the number of keys was when, each order is listed once, newest first."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.adapters import order_items
from chalicelib.adapters.merged_lists import Bounds
from chalicelib.adapters.order_table import OrderTable, Page
from chalicelib.domain.orders import Order, OrderStatus
from chalicelib.settings import SpreadCustomer
from ordersctl.shared.engine_client import client_options
from testkit.builders import an_order, fresh_order_id
from testkit.fake_aws.services import Table

pytestmark = pytest.mark.full  # hundreds of histories; `make property` searches through thousands

NAME = os.environ.get("HYPOTHESIS_PROFILE", "bounded")
PROFILE = settings.get_profile(NAME)
MANY = NAME != "bounded"  # a search at length, or for a seeded bug
STATUSES = [OrderStatus.PLACED, OrderStatus.SHIPPED, OrderStatus.CANCELLED]
_ANY_ORDER = an_order()


def moment(number: int) -> str:
    return f"2026-11-28T10:00:00.{number:03d}Z"


@dataclass
class FakeClient:
    """The calls of an OrderTable, on a table in memory."""

    table: Table = field(default_factory=Table)

    def put_item(self, **arguments: Any) -> Any:
        return self.table.put(arguments, 0)

    def update_item(self, **arguments: Any) -> Any:
        return self.table.update(arguments, 0)

    def query(self, **arguments: Any) -> Any:
        return self.table.query(arguments)


@dataclass
class Counted:
    """A client that counts the entries that its queries read."""

    client: Any
    read: int = 0
    queries: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def query(self, **arguments: Any) -> Any:
        answer = self.client.query(**arguments)
        self.read += answer["ScannedCount"]
        self.queries += 1
        return answer


@dataclass
class History:
    """A customer's orders, written while the number of keys rose."""

    client: Any
    name: str
    customer: str
    bounds: Bounds
    orders: list[Order] = field(default_factory=list)

    def table(self, written: int, read: int | None = None) -> OrderTable:
        spread = {self.customer: SpreadCustomer(written, read or written, is_people=True)}
        return OrderTable(cast("Any", Counted(self.client)), self.name, spread=spread, bounds=self.bounds)

    def place(self, keys: int, at: int, status: OrderStatus) -> Order:
        facts = {"order_id": fresh_order_id(self.customer), "customer_id": self.customer, "status": status}
        order = _ANY_ORDER.model_copy(update=facts | {"placed_at": moment(at), "updated_at": moment(at)})
        assert self.table(keys).add(order) is None
        self.orders.append(order)
        return order

    def change(self, keys: int, order: Order) -> None:
        """Change an order's note when the customer is spread over more keys than when it was placed."""
        changed = order.model_copy(update={"version": 2, "note": "ring twice"})
        self.table(keys).update(order, changed)

    def erase(self, order_id: str) -> None:
        (order,) = [each for each in self.orders if each.order_id == order_id]
        self.client.put_item(TableName=self.name, Item=order_items.to_item(order.erase(moment(99))))

    def expected(self, query: Mapping[str, Any]) -> list[str]:
        """The ids that a list is to have, computed from the orders themselves."""
        after, before = query.get("placed_after") or "", query.get("placed_before") or "9"
        chosen = [
            order
            for order in self.orders
            if query["status"] in (None, order.status) and after < order.placed_at < before
        ]
        newest_first = sorted(chosen, key=lambda order: f"{order.placed_at}#{order.order_id}", reverse=True)
        return [order.order_id for order in newest_first]


def listed(history: History, keys: int, *, erase_the_cursor_s_order: bool, **query: Any) -> list[str]:
    """All pages of a list; the number of keys rises between them, and the first cursor's order may be erased."""
    found: list[str] = []
    cursor: str | None = None
    for number in range(400):
        shards = min(32, keys + 2 * number)
        table = history.table(shards)
        page = table.list_for_customer(history.customer, start_after=cursor, **query)
        assert_bounded(page, cast("Any", table.client), shards, history.bounds, **query)
        found += [str(each["order_id"]) for each in page.orders]
        assert {each["customer_id"] for each in page.orders} <= {history.customer}
        cursor = page.last_placed_key
        if cursor is None:
            return found
        if erase_the_cursor_s_order and number == 0:
            erased = cursor.partition("#")[2]
            if erased in found:  # not one that a filter leaves out, or that another page is to have
                history.erase(erased)
    raise AssertionError("the list does not end")


def assert_bounded(page: Page, client: Counted, keys: int, bounds: Bounds, *, limit: int, **query: Any) -> None:
    is_filtered = query["status"] is not None
    step = max(bounds.per_step, bounds.per_filtered_step) if is_filtered else limit + 1
    assert client.read <= bounds.per_page + keys * step
    assert len(page.orders) <= limit
    if page.last_placed_key is not None and not is_filtered and client.read < bounds.per_page:
        assert len(page.orders) == limit


def check(history: History, orders: Sequence[Any], rising: list[int], *, erases: bool, **query: Any) -> None:
    counts = [max(rising[: index + 1]) for index in range(len(rising))]
    for index, (at, status, is_changed) in enumerate(orders):
        order = history.place(counts[index * len(counts) // len(orders)], at, status)
        if is_changed:
            history.change(counts[-1], order)
    replace(history, customer=f"{history.customer}0", orders=[]).place(1, 3, OrderStatus.PLACED)
    expected = history.expected(query)
    assert listed(history, counts[-1], erase_the_cursor_s_order=False, **query) == expected
    if erases:
        assert listed(history, counts[-1], erase_the_cursor_s_order=True, **query) == expected


ORDERS = st.tuples(st.integers(0, 12), st.sampled_from(STATUSES), st.booleans())
HISTORIES: dict[str, Any] = {
    # Long ones too: of a list without a least size Hypothesis makes a short one nearly always.
    "orders": st.lists(ORDERS, max_size=12) | st.lists(ORDERS, min_size=30, max_size=60),
    "rising": st.lists(st.sampled_from([1, 1, 2, 3, 4, 8, 16]), min_size=1, max_size=5),
    "limit": st.integers(1, 60),
    "status": st.sampled_from([None, None, OrderStatus.PLACED, OrderStatus.CANCELLED]),
    "placed_after": st.sampled_from([None, None, moment(2)]),
    "placed_before": st.sampled_from([None, None, moment(9)]),
    "erases": st.booleans(),
}


@settings(PROFILE, max_examples=1_500 if MANY else 300, suppress_health_check=list(HealthCheck))
@given(per_page=st.sampled_from([1_000, 25, 7]), **HISTORIES)
def test_each_order_is_listed_once_newest_first_whatever_the_number_of_keys_was(per_page: int, **history: Any) -> None:
    # Small bounds: the page's bound and further steps are met by short lists too.
    check(History(FakeClient(), "orders", "guest", Bounds(per_page, 4, 2)), **history)


def test_the_same_holds_on_the_engine(engine_url: str, stack: dict[str, str]) -> None:
    client = boto3.client("dynamodb", **client_options(engine_url))

    @settings(PROFILE, max_examples=40 if MANY else 12, suppress_health_check=list(HealthCheck))
    @given(small=st.booleans(), **HISTORIES)
    def run(*, small: bool, **history: Any) -> None:
        customer = f"c-{fresh_order_id()[-12:]}"
        bounds = Bounds(25, 4, 2) if small else Bounds()
        check(History(client, stack["OrderTable"], customer, bounds), **history)

    run()
