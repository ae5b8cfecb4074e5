"""Reading many orders at once, by their ids."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from chalicelib import lambda_batches
from chalicelib.adapters.order_table import OrderTable
from chalicelib.application.accept import Accepted
from chalicelib.domain import order_ids
from chalicelib.domain.errors import OrderNotFound
from chalicelib.domain.orders import ErasedOrder, Order

Found = Order | Accepted | ErasedOrder | None  # None: there is no such order, or it is another customer's


def read_orders(
    ids: Sequence[str], *, owner: str | None, secret: bytes, table: OrderTable
) -> Iterator[tuple[str, Found]]:
    """Read up to 100 orders of their owner, a customer, or of any owner (None); each id once, in no order.

    Each order is read once: those whose id is sealed for the owner by one call together, so that no order of another
    customer leaves the table; any other id by a call of its own. Raises Fault, while it iterates.
    """
    together: list[str] = []
    alone: list[str] = []
    for order_id in dict.fromkeys(ids):
        if not order_ids.is_well_formed(order_id):
            yield order_id, None
        elif owner is None or order_ids.is_sealed_for(secret, order_id, owner):
            together.append(order_id)
        else:
            alone.append(order_id)
    for order_id, stored in table.get_many(together) if together else ():
        if stored is None and owner is not None:
            yield order_id, Accepted(order_id, replayed=False)  # by its seal: it is not stored yet
        else:
            yield order_id, stored
    if owner is not None and alone:
        yield from _undisclosed(alone, owner, table)


def _undisclosed(ids: Sequence[str], owner: str, table: OrderTable) -> Iterator[tuple[str, Found]]:
    """Orders that are probably not the owner's, or did not come by the API."""

    def read(order_id: str) -> Order | None:
        try:
            stored = table.get_undisclosed(order_id, owner)
        except OrderNotFound:
            return None
        return stored if isinstance(stored, Order) else None  # without a seal the tombstone's owner is unknown

    with ThreadPoolExecutor(min(lambda_batches.WORKERS, len(ids))) as pool:
        reads = [pool.submit(copy_context().run, read, order_id) for order_id in ids]
        yield from ((order_id, each.result()) for order_id, each in zip(ids, reads, strict=True))
