"""Customers whose orders the index has under several keys: callers, subscribers and the log see none of it."""

import io
import itertools
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

import pytest

from chalicelib.adapters import order_items
from chalicelib.domain.orders import Order, OrderStatus
from testkit.builders import an_order, fresh_order_id, new_order
from testkit.lambda_events import LambdaContext
from tests.service.http.callers import ADMIN, Caller, Service
from tests.service.http.conftest import ServiceWith
from tests.service.http.test_list_at_scale import Reads


@dataclass(frozen=True)
class SpreadService(Service):
    """The functions, and the ids of guests over 4 keys of the index, a marketplace over 8, and an ordinary customer."""

    guest: str = field(default_factory=lambda: f"guest-{uuid.uuid4().hex[:8]}")
    market: str = field(default_factory=lambda: f"market-{uuid.uuid4().hex[:8]}")
    ordinary: str = field(default_factory=lambda: f"c-{uuid.uuid4().hex[:8]}")


@pytest.fixture(scope="module")
def spread(service_with: ServiceWith, service: Service) -> SpreadService:
    made = SpreadService(**vars(service))
    app = service_with(SPREAD_CUSTOMERS=f"{made.guest}=4:people,{made.market}=8").functions
    made.take_messages()
    return replace(made, functions=app)


def orders_of(caller: Caller, customer: str, cursor: str | None = None, **query: Any) -> list[str]:
    """All orders of a customer's list, page by page, from the cursor on."""
    found: list[str] = []
    for _ in range(100):
        more = {} if cursor is None else {"cursor": cursor}
        answer = caller.get(f"/customers/{customer}/orders?{urlencode(query | more)}")
        assert (answer.status, "#" in answer.body) == (200, False)
        found += [order["order_id"] for order in answer.json["orders"]]
        cursor = answer.json["next_cursor"]
        if cursor is None:
            return found
    raise AssertionError("the list does not end")


def item(service: Service, order_id: str) -> dict[str, Any]:
    return dict(service.dynamodb.get_item(TableName=service.table, Key=order_items.key(order_id))["Item"])


def index_key(service: Service, order_id: str) -> str:
    return str(item(service, order_id)["customer_id"]["S"])


def test_orders_are_spread_over_the_keys_and_listed_as_one(spread: SpreadService) -> None:
    guest = spread.caller(spread.guest)
    others = orders_of(guest, spread.guest)  # of other tests
    placed = [spread.place(guest, new_order()) for _ in range(24)]
    keys = {index_key(spread, order_id) for order_id in placed}
    assert keys == {spread.guest, f"{spread.guest}#1", f"{spread.guest}#2", f"{spread.guest}#3"}
    assert sorted(orders_of(guest, spread.guest, limit=5)) == sorted(others + placed)
    assert sorted(set(orders_of(guest, spread.guest, limit=7, status="placed")) - set(others)) == sorted(placed)
    assert orders_of(guest, spread.guest, status="shipped") == []


def test_an_order_is_read_changed_and_erased_as_any_other(spread: SpreadService) -> None:
    guest = spread.caller(spread.guest)
    order_id = _under_a_further_key(spread, guest)
    before = index_key(spread, order_id)
    read = guest.get(f"/orders/{order_id}")
    assert (read.status, read.json["customer_id"]) == (200, spread.guest)
    changed = guest.patch(f"/orders/{order_id}", {"note": "ring"}, If_Match=read.headers["ETag"])
    assert (changed.status, changed.json["customer_id"]) == (200, spread.guest)
    assert index_key(spread, order_id) == before
    another = spread.caller(f"{spread.guest}-2").get(f"/orders/{order_id}")
    assert another.status == 404
    erased = spread.caller("admin", ADMIN).delete(f"/orders/{order_id}?customer_id={spread.guest}")
    assert erased.status == 204
    assert order_id not in orders_of(guest, spread.guest)
    assert "#" not in "".join((read.body, changed.body, erased.body, str(read.headers), str(changed.headers)))


def test_an_order_that_direct_acceptance_took_is_its_customer_s(spread: SpreadService) -> None:
    """Its id is the client's and has no seal, so that the table says whose it is."""
    for _ in range(8):
        order = an_order(order_id=f"ord_{uuid.uuid4().hex}", customer_id=spread.guest)
        assert spread.functions.wiring.order_table().add(order) is None
        assert spread.caller(spread.guest).get(f"/orders/{order.order_id}").status == 200
        assert spread.caller(spread.market).get(f"/orders/{order.order_id}").status == 404


def test_the_event_and_the_log_name_the_customer_alone(spread: SpreadService, log: io.StringIO) -> None:
    order_id = _under_a_further_key(spread, spread.caller(spread.guest))
    url = spread.queue_url.replace("orders-local-queue", "orders-local-invoicing")
    spread.take_messages(url)
    change = {"Keys": order_items.key(order_id), "NewImage": item(spread, order_id), "SequenceNumber": "1"}
    record = {"eventID": "1", "eventName": "INSERT", "eventSource": "aws:dynamodb", "dynamodb": change}
    spread.functions.publish_events({"Records": [record]}, LambdaContext())
    (message,) = spread.take_messages(url)
    assert json.loads(message["Body"])["data"]["customer_id"] == spread.guest
    assert message["MessageAttributes"]["customer_id"]["StringValue"] == spread.guest
    assert "#" not in json.dumps(message) + log.getvalue()


def test_persons_who_share_an_id_have_no_message_group_and_a_marketplace_keeps_its_own(spread: SpreadService) -> None:
    for customer, group in ((spread.guest, None), (spread.market, spread.market), (spread.ordinary, spread.ordinary)):
        spread.caller(customer).post(new_order())
        (message,) = spread.sqs.receive_message(
            QueueUrl=spread.queue_url, MessageSystemAttributeNames=["MessageGroupId"]
        )["Messages"]
        assert message.get("Attributes", {}).get("MessageGroupId") == group
        spread.sqs.delete_message(QueueUrl=spread.queue_url, ReceiptHandle=message["ReceiptHandle"])


def test_a_cursor_stays_valid_when_the_number_of_keys_rises(service_with: ServiceWith) -> None:
    customer = f"rising-{uuid.uuid4().hex[:8]}"
    before, after = (service_with(SPREAD_CUSTOMERS=f"{customer}={keys}") for keys in ("1", "1..8"))
    written = service_with(SPREAD_CUSTOMERS=f"{customer}=8")
    placed = [before.place(before.caller(customer), new_order()) for _ in range(6)]
    first = before.caller(customer).get(f"/customers/{customer}/orders?limit=2").json
    newer = [written.place(written.caller(customer), new_order()) for _ in range(6)]
    cursor = first["next_cursor"]
    shown = [order["order_id"] for order in first["orders"]]
    shown += orders_of(after.caller(customer), customer, limit=2, cursor=cursor)
    assert sorted(shown) == sorted(placed)
    assert sorted(orders_of(after.caller(customer), customer, limit=5)) == sorted(placed + newer)


def test_an_order_keeps_its_key_when_it_is_changed_after_the_number_of_keys_rose(service_with: ServiceWith) -> None:
    customer = f"risen-{uuid.uuid4().hex[:8]}"
    before, after = (service_with(SPREAD_CUSTOMERS=f"{customer}={keys}") for keys in (1, 16))
    for _ in range(4):  # of which one or none belongs under the same key by either number
        order_id = before.place(before.caller(customer), new_order())
        assert after.caller(customer).patch(f"/orders/{order_id}", {"note": "ring"}, If_Match="*").status == 200
        assert index_key(after, order_id) == customer


@pytest.fixture(scope="module")
def stored(spread: SpreadService) -> dict[str, list[Order]]:
    """Orders of a marketplace and of an ordinary customer, one of fifty shipped."""
    made = {}
    for customer, count in ((spread.market, 480), (spread.ordinary, 300)):
        orders = [_stored_order(customer, number) for number in range(count)]
        for order in orders:
            spread.functions.wiring.order_table().add(order)
        made[customer] = orders[::-1]
    return made


@pytest.fixture(scope="module")
def reads(spread: SpreadService) -> Iterator[Reads]:
    table = spread.functions.wiring.order_table()
    reads = Reads(table.client)
    object.__setattr__(table, "client", reads)  # the dataclass is frozen, and the functions keep the table
    yield reads
    object.__setattr__(table, "client", reads.client)


@pytest.mark.usefixtures("stored")
def test_an_ordinary_customer_s_page_is_one_query_of_as_many_entries_as_it_shows(
    spread: SpreadService, reads: Reads
) -> None:
    customer = spread.ordinary
    reads.queries.clear()
    assert spread.caller(customer).get(f"/customers/{customer}/orders?limit=20").status == 200
    assert reads.queries == [21]
    reads.queries.clear()
    assert spread.caller(customer).get(f"/customers/{customer}/orders?status=shipped").status == 200
    assert reads.queries == [100, 100, 100, 0]


def test_a_spread_customer_s_page_is_one_query_per_key(
    spread: SpreadService, stored: dict[str, list[Order]], reads: Reads
) -> None:
    market = spread.caller(spread.market)
    pages = list(itertools.islice(_pages(market, spread.market, reads, limit=20), 10))
    assert [ids for ids, _ in pages] == [
        [order.order_id for order in stored[spread.market][start : start + 20]] for start in range(0, 200, 20)
    ]
    assert all(len(queries) <= 9 and sum(queries) <= 8 * 21 for _, queries in pages)


def test_behind_a_filter_the_steps_grow(spread: SpreadService, stored: dict[str, list[Order]], reads: Reads) -> None:
    (page,) = _pages(spread.caller(spread.market), spread.market, reads, status="shipped")
    ids, queries = page
    assert ids == [order.order_id for order in stored[spread.market] if order.status == OrderStatus.SHIPPED]
    assert sum(queries) == 480
    assert len(queries) <= 3 * 8 + 2  # of 16, 32 and 64 entries at most; of 16 each they would be 4 x 8


def _pages(caller: Caller, customer: str, reads: Reads, **query: Any) -> Iterator[tuple[list[str], list[int]]]:
    """Each page's orders, and the entries that each of its queries read."""
    while True:
        reads.queries.clear()
        answer = caller.get(f"/customers/{customer}/orders?{urlencode(query)}").json
        yield [order["order_id"] for order in answer["orders"]], list(reads.queries)
        if answer["next_cursor"] is None:
            return
        query["cursor"] = answer["next_cursor"]


def _stored_order(customer: str, number: int) -> Order:
    moment = f"2026-01-01T{number // 60:02d}:{number % 60:02d}:00.000Z"
    status = OrderStatus.SHIPPED if number % 50 == 7 else OrderStatus.PLACED
    order_id = fresh_order_id(customer)
    return an_order(order_id=order_id, customer_id=customer, placed_at=moment, status=status)


def _under_a_further_key(service: Service, caller: Caller) -> str:
    """The id of an order that the index does not have under its customer's own id."""
    while True:
        order_id = service.place(caller, new_order())
        if "#" in index_key(service, order_id):
            return order_id
