"""The orders to replay, page by page, and the event of an order's current version."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import Any

import click

from chalicelib.adapters import order_items
from chalicelib.adapters.order_table import OrderTable
from chalicelib.domain import events
from chalicelib.domain.errors import OrderNotFound, Poison
from chalicelib.domain.events import OrderEvent
from chalicelib.domain.orders import ErasedOrder, Order, OrderStatus
from ordersctl.shared.output import say

PAGE = 100  # orders that are read and published between two writes of the progress file
SCANNED_PAGE = 1_000  # the same where the whole table is read: of ten lines, they are most of the megabyte of a Scan
SEGMENTS = 4  # parts of the table that are read at the same time
READ = "read"  # the position of a segment that has been read to its end

# The status before an order's last change, by its status; a cancelled order was placed or confirmed. For a status that
# only a newer release knows, the one before it is unknown.
_STATUS_BEFORE: Mapping[str, str] = {
    OrderStatus.PLACED: OrderStatus.PLACED,
    OrderStatus.CONFIRMED: OrderStatus.PLACED,
    OrderStatus.SHIPPED: OrderStatus.CONFIRMED,
    OrderStatus.DELIVERED: OrderStatus.SHIPPED,
    OrderStatus.CANCELLED: OrderStatus.PLACED,
}


@dataclass(frozen=True)
class Page:
    """Some of the wanted orders, None for one that cannot be read.

    `after` is where the next page begins, `read` is the number of orders read for this page.
    """

    orders: list[Order | ErasedOrder | None]
    after: Any
    read: int


def by_id(table: OrderTable, order_ids: tuple[str, ...], after: int | None) -> Iterator[Page]:
    """Yield the orders of these ids; ClickException when there is no such order."""
    for start in range(after or 0, len(order_ids), PAGE):
        chosen = order_ids[start : start + PAGE]
        yield Page([_order(table, each) for each in chosen], start + PAGE, len(chosen))


def of_customer(table: OrderTable, customer: str, after: str | None) -> Iterator[Page]:
    """Yield all orders of a customer."""
    while True:
        page = table.list_for_customer(customer, limit=PAGE, start_after=after)
        after = page.last_placed_key
        yield Page([_order(table, str(each["order_id"])) for each in page.orders], after, len(page.orders))
        if after is None:
            return


def changed_between(table: OrderTable, since: str, until: str, after: Any) -> Iterator[Page]:
    """Yield the orders last changed in a window of time, erased ones too, reading the whole table.

    Its segments are read at the same time (Scan's TotalSegments), a page ahead of each: so at most two pages of a
    segment are in memory. `after` has the position of each segment: None at its beginning, READ at its end.
    """
    positions = _positions(after)

    def read(segment: int) -> Any:
        where: dict[str, Any] = {"Segment": segment, "TotalSegments": len(positions)} if len(positions) > 1 else {}
        if (start := positions[segment]) is not None:
            where["ExclusiveStartKey"] = start
        return table.client.scan(
            TableName=table.name,
            Limit=SCANNED_PAGE,
            FilterExpression="updated_at >= :since AND updated_at < :until",
            ExpressionAttributeValues={":since": {"S": since}, ":until": {"S": until}},
            **where,
        )

    with ThreadPoolExecutor(len(positions)) as threads:
        reading = {threads.submit(read, each): each for each, start in enumerate(positions) if start != READ}
        while reading:
            done, _ = wait(reading, return_when=FIRST_COMPLETED)
            for each in done:
                segment, answer = reading.pop(each), each.result()
                positions[segment] = answer.get("LastEvaluatedKey", READ)
                if positions[segment] != READ:
                    reading[threads.submit(read, segment)] = segment
                yield Page(_from_items(answer["Items"]), list(positions), answer["ScannedCount"])


def _positions(after: Any) -> list[Any]:
    """Return the positions to begin at; a progress file of an earlier release has one, of the whole table."""
    if after is None:
        return [None] * SEGMENTS
    return list(after) if isinstance(after, list) else [after]


def _from_items(items: Sequence[order_items.Item]) -> list[Order | ErasedOrder | None]:
    return [_readable(each[order_items.ORDER_ID]["S"], partial(order_items.from_item, each)) for each in items]


def event_of(order: Order | ErasedOrder, *, source: str) -> OrderEvent:
    """Return the event of an order's current version, marked as replayed.

    The table has no history: the last change is derived from the status. A confirmed order whose address was changed
    afterwards is published as confirmed; a cancelled order of more than two versions without its previous status.
    """
    before: Order | None = None
    if isinstance(order, Order) and order.version > 1:
        before = order.model_copy(update={"status": _STATUS_BEFORE.get(order.status, ""), "version": order.version - 1})
    event = events.between(before, order, source=source)
    assert event is not None  # noqa: S101  a change of version is an event
    data = dict(event.data or {})
    if isinstance(order, Order) and order.status == OrderStatus.CANCELLED and order.version > 2:  # noqa: PLR2004
        del data["previous_status"]
    if data.get("previous_status") == "":
        del data["previous_status"]
    return event.model_copy(update={"data": data, "replayed": True})


def _order(table: OrderTable, order_id: str) -> Order | ErasedOrder | None:
    try:
        return _readable(order_id, lambda: table.get(order_id))
    except OrderNotFound:
        raise click.ClickException(f"there is no order {order_id}.") from None


def _readable(order_id: str, read: Callable[[], Order | ErasedOrder]) -> Order | ErasedOrder | None:
    try:
        return read()
    except Poison as poison:
        say(f"{order_id} is skipped: {poison}.", err=True)
        return None
