"""A customer's orders by the client that openapi-python-client makes: `python journey.py URL TOKEN CUSTOMER`.

It prints what it saw as JSON. journey.ts does the same, so that both print the same.
"""

import json
import sys
import time
from typing import Any

from orders_client import AuthenticatedClient
from orders_client.api.orders import change_order, list_orders, place_order, read_order
from orders_client.models import Accepted, LineItem, Metadata, NewOrder, Order, OrderChange, OrderStatus, Page, Problem
from orders_client.models.any_order_status import AnyOrderStatus
from orders_client.models.currency import Currency

ORDERS = 5
PAGE = 2


def new_order(number: int) -> NewOrder:
    metadata = Metadata()
    metadata["cart"] = f"c_{number}"
    items = [LineItem(sku="85123A", quantity=number + 1, unit_price=255)]
    return NewOrder(currency=Currency.GBP, items=items, reference=f"2026-{number}", metadata=metadata)


def place(client: AuthenticatedClient, number: int) -> str:
    accepted = place_order.sync(client=client, body=new_order(number), idempotency_key=f"journey-{number}")
    assert isinstance(accepted, Accepted), accepted
    return str(accepted.order_id)


def stored(client: AuthenticatedClient, order_id: str) -> tuple[Order, str]:
    """The order and its ETag, as soon as it is stored."""
    while True:
        answer = read_order.sync_detailed(order_id, client=client)
        if isinstance(answer.parsed, Order):
            return answer.parsed, answer.headers["ETag"]
        assert isinstance(answer.parsed, Accepted), answer
        time.sleep(0.1)


def listed(client: AuthenticatedClient, customer: str) -> list[list[Any]]:
    """The references on each page, to the end."""
    found: list[list[Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = list_orders.sync(customer, client=client, limit=PAGE, **cursor)
        assert isinstance(page, Page), page
        found.append([each.reference for each in page.orders])
        if page.next_cursor is None:
            return found
        cursor = {"cursor": page.next_cursor}


def journey(client: AuthenticatedClient, customer: str) -> dict[str, Any]:
    ids = []
    for number in range(ORDERS):
        ids.append(place(client, number))
        order, etag = stored(client, ids[-1])
    assert order.status is OrderStatus.PLACED
    change = OrderChange(status=AnyOrderStatus.CANCELLED, status_reason="ordered twice")
    cancelled = change_order.sync(ids[-1], client=client, body=change, if_match=etag)
    assert isinstance(cancelled, Order), cancelled
    stale = change_order.sync(ids[-1], client=client, body=OrderChange(note="too late"), if_match=etag)
    free = NewOrder(currency=Currency.GBP, items=[LineItem(sku="85123A", quantity=0, unit_price=255)])
    invalid = place_order.sync(client=client, body=free)
    assert isinstance(stale, Problem), stale
    assert isinstance(invalid, Problem), invalid
    return {
        "again": place(client, 0) == ids[0],
        "total": order.total,
        "metadata": order.metadata.to_dict(),
        "changed": [cancelled.status.value, cancelled.status_reason, cancelled.version],
        "pages": listed(client, customer),
        "problems": [[stale.type_, stale.status], [invalid.type_, invalid.errors[0].pointer]],
    }


if __name__ == "__main__":
    url, token, customer = sys.argv[1:]
    with AuthenticatedClient(base_url=url, token=token) as client:
        print(json.dumps(journey(client, customer)))
