"""Reading, changing and erasing an order, by its id."""

from typing import Any

from chalicelib import logs
from chalicelib.adapters.order_table import OrderTable
from chalicelib.adapters.price_table import PriceTable
from chalicelib.application.accept import Accepted
from chalicelib.application.preprocess import preprocess
from chalicelib.domain import order_ids, orders
from chalicelib.domain.changes import OrderChange
from chalicelib.domain.errors import Fault, NotYetStored, OrderErased, OrderNotFound, VersionConflict
from chalicelib.domain.orders import ErasedOrder, Order
from chalicelib.domain.request_context import RequestContext

_ERASE_ATTEMPTS = 5


def read_order(order_id: str, *, owner: str | None, secret: bytes, table: OrderTable) -> Order | Accepted:
    """Read an order for its owner, a customer, or for a caller who may read any (None).

    Raises OrderErased, OrderNotFound, Fault.
    """
    if not order_ids.is_well_formed(order_id):
        raise OrderNotFound(order_id)
    # The id's seal proves whose order it is, also where the table cannot: a tombstone names no customer, and an order
    # that is not stored yet has no item.
    is_theirs = owner is not None and order_ids.is_sealed_for(secret, order_id, owner)
    try:
        # Without a matching seal the order is another customer's, or did not come through the API.
        stored = table.get(order_id, owner) if owner is None or is_theirs else table.get_undisclosed(order_id, owner)
    except OrderNotFound:
        stored = None
    if isinstance(stored, Order):
        return stored
    if isinstance(stored, ErasedOrder) and (owner is None or is_theirs):
        raise OrderErased(order_id)
    if stored is None and is_theirs:
        return Accepted(order_id, replayed=False)
    raise OrderNotFound(order_id)


def change_order(
    order_id: str,
    patch: Any,
    *,
    owner: str | None,
    by_service: bool,
    seen_versions: frozenset[int] | None,
    context: RequestContext,
    secret: bytes,
    table: OrderTable,
    prices: PriceTable | None,
) -> Order:
    """Apply a merge patch if the order's version is one that the caller has seen (None: any). Returns the new order.

    Raises what read_order raises, NotYetStored, VersionConflict, InvalidOrder, NotChangeable, NotPermitted,
    IllegalTransition.
    """
    change = orders.parse(OrderChange, patch)
    order = read_order(order_id, owner=owner, secret=secret, table=table)
    if isinstance(order, Accepted):
        raise NotYetStored(order_id)
    if seen_versions is not None and order.version not in seen_versions:
        raise VersionConflict(order_id)
    content = change.content_of(order)
    changed = order.change(
        content, status=change.status, reason=change.status_reason, by_service=by_service, now=context.now
    )
    if changed is not order:
        changed = preprocess(changed, "service" if by_service else "customer", prices=prices, before=order)
        changed = changed.model_copy(update={"traceparent": context.traceparent or order.traceparent})
        table.update(order, changed)
        logs.log("order.updated", status=changed.status, version=changed.version, **logs.ids_of(changed))
    return changed


def erase_order(order_id: str, *, owner: str, context: RequestContext, secret: bytes, table: OrderTable) -> None:
    """Replace an owner's order by its tombstone, whatever its version. Erasing it again changes nothing.

    Raises OrderNotFound, NotYetStored, Fault.
    """
    if not order_ids.is_well_formed(order_id):
        raise OrderNotFound(order_id)
    try:
        erase_stored_order(order_id, owner=owner, now=context.now, table=table)
    except OrderNotFound:
        # Without the owner, an order still on the queue looks like one that does not exist: it would be stored
        # after a 404 that the administrator takes as final.
        if order_ids.is_sealed_for(secret, order_id, owner):
            raise NotYetStored(order_id) from None
        raise


def erase_stored_order(order_id: str, *, owner: str, now: str, table: OrderTable) -> bool:
    """Replace a stored order by its tombstone; returns False when it was erased before. Raises OrderNotFound, Fault."""
    for _ in range(_ERASE_ATTEMPTS):
        order = table.get(order_id, owner)
        if isinstance(order, ErasedOrder):
            return False  # before the owner is checked: a tombstone names none
        tombstone = order.erase(now)
        try:
            table.replace(tombstone)
        except VersionConflict:
            continue  # another caller changed it in between; it is erased nevertheless
        logs.log("order.erased", version=tombstone.version, **logs.ids_of(tombstone))
        return True
    raise Fault("dynamodb: the order changes faster than it can be erased")
