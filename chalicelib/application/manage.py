"""Reading, changing and erasing an order, by its id."""

from typing import Any

from chalicelib import logs
from chalicelib.adapters.order_table import OrderTable
from chalicelib.application.accept import Accepted
from chalicelib.domain import order_ids, orders
from chalicelib.domain.changes import OrderChange
from chalicelib.domain.errors import Fault, NotYetStored, OrderErased, OrderNotFound, VersionConflict
from chalicelib.domain.orders import ErasedOrder, Order
from chalicelib.domain.request_context import RequestContext

_ERASE_ATTEMPTS = 5


def read_order(order_id: str, *, owner: str | None, secret: bytes, table: OrderTable) -> Order | Accepted:
    """Read an order of its owner, a customer, or of any owner (None). Raises OrderErased, OrderNotFound, Fault."""
    if not order_ids.is_well_formed(order_id):
        raise OrderNotFound(order_id)
    # The id's seal says whose it is, also where the table does not: a tombstone names no customer, and an order that is
    # not stored yet has no item.
    is_theirs = owner is not None and order_ids.is_sealed_for(secret, order_id, owner)
    try:
        # Where the seal does not say that it is theirs, it is another customer's, or did not come by the API.
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
    for _ in range(_ERASE_ATTEMPTS):
        try:
            order = table.get(order_id, owner)
            if isinstance(order, ErasedOrder):
                return  # whoever is said to be the owner: a tombstone names none
            tombstone = order.erase(context.now)
            table.replace(tombstone)
        except OrderNotFound:
            # Without the owner this could not be told from an order that does not exist: the order would be stored
            # after a 404 that the administrator takes as final.
            if order_ids.is_sealed_for(secret, order_id, owner):
                raise NotYetStored(order_id) from None
            raise
        except VersionConflict:
            continue  # somebody changed it in between; it is to be erased nevertheless
        logs.log("order.erased", version=tombstone.version, **logs.ids_of(tombstone))
        return
    raise Fault("dynamodb: the order changes faster than it can be erased")
