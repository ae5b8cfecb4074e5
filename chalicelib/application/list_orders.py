"""Listing a customer's orders."""

from typing import NamedTuple

from chalicelib.adapters.order_table import OrderTable, Page
from chalicelib.domain.orders import OrderStatus


class Filters(NamedTuple):
    """Which orders a list has. The times are written by domain.clock, and exclusive."""

    status: OrderStatus | None = None
    reference: str | None = None
    placed_after: str | None = None
    placed_before: str | None = None


def page_of_orders(
    customer_id: str, filters: Filters, *, limit: int, start_after: str | None, table: OrderTable
) -> Page:
    """List a customer's orders, newest first: `limit` at most, from the one after `start_after`. Raises Fault."""
    return table.list_for_customer(
        customer_id,
        limit=limit,
        start_after=start_after,
        status=filters.status,
        reference=filters.reference,
        placed_after=filters.placed_after,
        placed_before=filters.placed_before,
    )
