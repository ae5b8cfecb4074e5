"""What the service does, one function per command: load, ask the Order, save."""

import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib import logs
from chalicelib.adapters import order_items
from chalicelib.adapters.order_table import OrderTable
from chalicelib.adapters.queues import DeadLetterQueue, OrderQueue
from chalicelib.domain import commands, order_ids, orders
from chalicelib.domain.commands import PlaceOrder
from chalicelib.domain.errors import (
    Fault,
    KeyReused,
    NotYetStored,
    OrderErased,
    OrderNotFound,
    Poison,
    VersionConflict,
)
from chalicelib.domain.orders import (
    ErasedOrder,
    NewOrder,
    Order,
    OrderChange,
    OrderStatus,
)

if TYPE_CHECKING:  # what the publisher alone needs
    from chalicelib.adapters.publishing import Publisher
    from chalicelib.domain import events

# SQS takes the characters of XML 1.0; JSON has escaped the control characters already.
_NO_MESSAGE_TEXT = re.compile("[\ud800-\udfff\ufffe\uffff]")


_ERASE_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Accepted:
    order_id: str
    replayed: bool


def accept_order(
    new: NewOrder,
    *,
    customer_id: str,
    idempotency_key: str | None,
    now: str,
    correlation_id: str,
    traceparent: str | None = None,
    secret: bytes,
    queue: OrderQueue,
    find: Callable[[str], Order | ErasedOrder],
) -> Accepted:
    """Put an order on its way. Raises KeyReused, OrderErased, Fault (nothing was accepted)."""
    order_id = order_ids.mint(secret, customer_id, idempotency_key)
    ids: dict[str, Any] = {"order_id": order_id, "correlation_id": correlation_id, "traceparent": traceparent}
    if idempotency_key is not None and _is_stored(new, order_id, find):
        logs.tell("order.replayed", **ids)
        return Accepted(order_id, replayed=True)
    queue.send(
        commands.encode(
            new,
            order_id=order_id,
            customer_id=customer_id,
            placed_at=now,
            correlation_id=correlation_id,
            traceparent=traceparent,
        ),
        order_id=order_id,
        customer_id=customer_id,
    )
    logs.tell("order.accepted", **ids)
    return Accepted(order_id, replayed=False)


def _is_stored(new: NewOrder, order_id: str, find: Callable[[str], Order | ErasedOrder]) -> bool:
    try:
        stored = find(order_id)
    except (OrderNotFound, Fault):
        return False  # fails open: what the table cannot say now, the processor's condition settles later
    if isinstance(stored, ErasedOrder):
        raise OrderErased(order_id)
    if stored.fingerprint != orders.fingerprint(new):
        raise KeyReused(order_id)
    return True


def place_order(command: PlaceOrder, table: OrderTable) -> str:
    """Store an order: placed, or rejected with its violations. Returns "placed", "rejected" or "already there".

    Raises Poison when another order has this id (two bodies under one idempotency key), Fault.
    """
    order = _new_order(command)
    stands = table.add(order)
    if stands is None:
        return order.status.value
    if isinstance(stands, Order) and stands.fingerprint != order.fingerprint:
        raise Poison("idempotency-key-reused: another order has this id")
    return "already there"


def reject_order(command: PlaceOrder, reason: str, table: OrderTable) -> Order | ErasedOrder | None:
    """Store an order that an operator gives up as rejected: nobody is told "accepted" for ever.

    Returns what stands in its place already, None when nothing did. Raises Fault.
    """
    return table.add(
        _new_order(command).model_copy(update={"status": OrderStatus.REJECTED, "status_reason": reason[:200]})
    )


def _new_order(command: PlaceOrder) -> Order:
    return Order.place(
        command.order,
        order_id=command.order_id,
        customer_id=command.customer_id,
        placed_at=command.placed_at,
        correlation_id=command.correlation_id,
        traceparent=command.traceparent,
    )


def read_order(
    order_id: str, *, customer_id: str | None, secret: bytes, find: Callable[[str, str | None], Order | ErasedOrder]
) -> Order | Accepted:
    """Read an order for a customer, or any order (customer_id None). Raises OrderErased, OrderNotFound, Fault."""
    if not order_ids.is_well_formed(order_id):
        raise OrderNotFound(order_id)
    try:
        stored = find(order_id, customer_id)
    except OrderNotFound:
        stored = None
    if isinstance(stored, Order):
        return stored
    # The seal stands in for what the table does not say: that the id was accepted for this customer.
    is_theirs = customer_id is not None and order_ids.is_sealed_for(secret, order_id, customer_id)
    if isinstance(stored, ErasedOrder) and (customer_id is None or is_theirs):
        raise OrderErased(order_id)
    if stored is None and is_theirs:
        return Accepted(order_id, replayed=False)
    raise OrderNotFound(order_id)


def change_order(
    order_id: str,
    patch: Any,
    *,
    customer_id: str | None,
    by_service: bool,
    seen_versions: frozenset[int] | None,
    now: str,
    traceparent: str | None = None,
    secret: bytes,
    table: OrderTable,
) -> Order:
    """Apply a merge patch to a version that the asker saw (None: whatever it is). Returns the order as it is then.

    Raises what read_order raises, NotYetStored, VersionConflict, InvalidOrder, NotChangeable, NotPermitted,
    IllegalTransition.
    """
    change = orders.parse(OrderChange, patch)
    order = read_order(order_id, customer_id=customer_id, secret=secret, find=table.get)
    if isinstance(order, Accepted):
        raise NotYetStored(order_id)
    if seen_versions is not None and order.version not in seen_versions:
        raise VersionConflict(order_id)
    changed = order.change(
        change.content_of(order), status=change.status, reason=change.status_reason, by_service=by_service, now=now
    )
    if changed is not order:
        changed = changed.model_copy(update={"traceparent": traceparent or order.traceparent})
        table.replace(changed)
        logs.tell("order.updated", status=changed.status, version=changed.version, **_ids(changed))
    return changed


def erase_order(order_id: str, *, customer_id: str | None, now: str, secret: bytes, table: OrderTable) -> None:
    """Replace an order by its tombstone, whatever its version; erased already is done.

    Raises OrderNotFound, NotYetStored, Fault.
    """
    for _ in range(_ERASE_ATTEMPTS):
        try:
            order = read_order(order_id, customer_id=customer_id, secret=secret, find=table.get)
            if isinstance(order, Accepted):
                raise NotYetStored(order_id)
            tombstone = order.erase(now)
            table.replace(tombstone)
        except OrderErased:
            return
        except VersionConflict:
            continue  # it was changed meanwhile, and is to be erased all the same
        logs.tell("order.erased", version=tombstone.version, **_ids(tombstone))
        return
    raise Fault("dynamodb: the order changes faster than it can be erased")


def _ids(order: Order | ErasedOrder | PlaceOrder) -> dict[str, Any]:
    """What joins an order's log lines."""
    return {"order_id": order.order_id, "correlation_id": order.correlation_id, "traceparent": order.traceparent}


def process_message(message: Mapping[str, Any], *, table: OrderTable, dead_letters: DeadLetterQueue) -> None:
    """Do what a queue message asks for, or keep it for the operator when it asks for nothing. Raises Fault."""
    body, message_id = message["body"], message["messageId"]
    ids: dict[str, Any] = {"message_id": message_id}
    try:
        command = commands.decode(body)
        ids = _ids(command)
        outcome = place_order(command, table)
    except Poison as poison:
        dead_letters.quarantine(body, reason=str(poison), source=message_id)
        _tell_quarantined("message.quarantined", str(poison), **ids | {"message_id": message_id})
        return
    is_new = outcome != "already there"
    age = logs.milliseconds_since(command.placed_at) if is_new else None
    logs.tell(f"order.{outcome.replace(' ', '_')}", placed_after_ms=age, **ids)


def _tell_quarantined(event: str, reason: str, **ids: Any) -> None:
    logs.tell(event, level=logging.ERROR, reason=reason, **ids)


def publish_changes(
    records: Sequence[Mapping[str, Any]], *, source: str, publisher: "Publisher", dead_letters: DeadLetterQueue
) -> int:
    """Tell the world what stream records mean; returns how many of them, from the first on, are done. Raises Fault."""
    told: list[tuple[int, events.OrderEvent]] = []
    for index, record in enumerate(records):
        try:
            event = _event(record, source)
        except Poison as poison:
            _quarantine_record(record, str(poison), dead_letters)
            continue
        if event is not None:
            told.append((index, event))
    undelivered = {each.index: each for each in publisher.publish([event for _, event in told])}
    for number, (index, event) in enumerate(told):
        failed = undelivered.get(number)
        if failed is None:
            age = logs.milliseconds_since(event.time)
            logs.tell("event.published", published_after_ms=age, **_event_ids(event))
        elif failed.for_ever:
            _quarantine_record(records[index], failed.reason, dead_letters)
        else:
            # Those after it that did get through come again with it, under the same ids.
            what: dict[str, Any] = {"reason": failed.reason, **_event_ids(event)}
            logs.tell("publish.failed", level=logging.WARNING, **what)
            return index
    return len(records)


def _quarantine_record(record: Mapping[str, Any], reason: str, dead_letters: DeadLetterQueue) -> None:
    event_id = str(record.get("eventID", ""))
    # Not in ASCII: two images of half a MiB must not grow beyond what a message holds.
    text = json.dumps(record, default=str, ensure_ascii=False)
    body = _NO_MESSAGE_TEXT.sub(lambda odd: f"\\u{ord(odd[0]):04x}", text)
    dead_letters.quarantine(body, reason=reason, source=event_id)
    _tell_quarantined("record.quarantined", reason, stream_event_id=event_id)


def _event_ids(event: "events.OrderEvent") -> dict[str, Any]:
    order = {"order_id": event.subject, "correlation_id": event.correlationid, "traceparent": event.traceparent}
    return {"type": event.type, "version": int(event.sequence), **order}  # the event's id is order id and version


def _event(record: Mapping[str, Any], source: str) -> "events.OrderEvent | None":
    from chalicelib.domain import events  # noqa: PLC0415 - here because the other functions do without

    change = record.get("dynamodb")
    if not isinstance(change, dict):
        raise Poison("not a stream record")
    before, after = (
        None if change.get(name) is None else order_items.from_item(change[name]) for name in ("OldImage", "NewImage")
    )
    if before is None and after is None:
        raise Poison("a stream record without an image")
    return events.between(before, after, source=source)
