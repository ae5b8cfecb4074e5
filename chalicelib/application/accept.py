"""Accepting an order: it gets an id and is put on the order queue. Nothing is stored yet."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chalicelib import logs
from chalicelib.adapters.queues import OrderQueue
from chalicelib.domain import commands, order_ids, orders
from chalicelib.domain.errors import Fault, KeyReused, OrderErased, OrderNotFound
from chalicelib.domain.orders import ErasedOrder, NewOrder, Order
from chalicelib.domain.request_context import PlacedBy, RequestContext


@dataclass(frozen=True, slots=True)
class Accepted:
    """An accepted order, answered with 202: it was queued, and is perhaps not stored yet."""

    order_id: str
    replayed: bool  # the answer to a retry under the same idempotency key


def accept_order(
    *,
    customer_id: str,
    idempotency_key: str | None,
    new: NewOrder,
    context: RequestContext,
    placed_by: PlacedBy | None,
    secret: bytes,
    queue: OrderQueue,
    find: Callable[[str], Order | ErasedOrder],
) -> Accepted:
    """Put an order on the queue. Raises KeyReused, OrderErased, Fault.

    After a Fault with `may_have_taken_effect` the order may be on the queue; after another error it was not sent.
    `placed_by` is None where the processor is to accept the order's prices unchecked.
    """
    order_id = order_ids.mint(secret, customer_id, idempotency_key)
    ids: dict[str, Any] = {
        "order_id": order_id,
        "correlation_id": context.correlation_id,
        "traceparent": context.traceparent,
    }
    if idempotency_key is not None and _is_stored(new, order_id, find):
        logs.log("order.replayed", **ids)
        return Accepted(order_id, replayed=True)
    command = commands.encode(new, order_id=order_id, customer_id=customer_id, context=context, placed_by=placed_by)
    queue.send(command, order_id=order_id, customer_id=customer_id)
    logs.log("order.accepted", **ids)
    return Accepted(order_id, replayed=False)


def _is_stored(new: NewOrder, order_id: str, find: Callable[[str], Order | ErasedOrder]) -> bool:
    try:
        stored = find(order_id)
    except (OrderNotFound, Fault):
        return False  # fails open: the processor's conditional write detects a duplicate that this read missed
    if isinstance(stored, ErasedOrder):
        raise OrderErased(order_id)
    if stored.fingerprint != orders.fingerprint(new):
        raise KeyReused(order_id)
    return True
