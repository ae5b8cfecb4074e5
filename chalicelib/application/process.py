"""Processing the order queue: each command becomes one stored order, placed or rejected."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalicelib import lambda_batches, logs
from chalicelib.adapters import fifo
from chalicelib.adapters.order_table import OrderTable
from chalicelib.adapters.price_table import PriceTable
from chalicelib.adapters.queues import DeadLetterQueue
from chalicelib.application.preprocess import preprocess
from chalicelib.domain import clock, commands
from chalicelib.domain.commands import PlaceOrder
from chalicelib.domain.errors import InvalidOrder, Poison
from chalicelib.domain.orders import MAX_STATUS_REASON, ErasedOrder, Order, OrderStatus

_ALREADY_THERE = "already_there"


def process_batch(
    messages: Sequence[Mapping[str, Any]],
    *,
    table: OrderTable,
    prices: PriceTable | None,
    dead_letters: DeadLetterQueue,
    remaining_ms: Callable[[], float],
    longest_ms: float,
) -> list[Mapping[str, Any]]:
    """Process the messages of a batch (Lambda's records); returns those that failed or were not finished in time.

    `remaining_ms` and `longest_ms`: lambda_batches.each.
    """

    def handle(message: Mapping[str, Any]) -> None:
        body, message_id = message["body"], message["messageId"]
        process_message(body, message_id, table=table, prices=prices, dead_letters=dead_letters)

    # SQS may deliver one twice in a batch
    once = list({message["messageId"]: message for message in messages}.values())
    return lambda_batches.each(once, handle, remaining_ms=remaining_ms, longest_ms=longest_ms, group_of=fifo.group_of)


def process_message(
    body: str, message_id: str, *, table: OrderTable, prices: PriceTable | None, dead_letters: DeadLetterQueue
) -> None:
    """Store the order of a queue message; a poison message goes to the dead-letter queue. Raises Fault."""
    ids: dict[str, Any] = {}
    try:
        command = commands.decode(body)
        ids = logs.ids_of(command)
        outcome = store_order(command, table, prices)
    except Poison as poison:
        reason = str(poison)
        dead_letters.quarantine(body, reason=reason, source=message_id)
        logs.log("message.quarantined", level=logging.ERROR, reason=reason, **ids, message_id=message_id)
        return
    age = None if outcome == _ALREADY_THERE else clock.milliseconds_since(command.placed_at)
    logs.log(f"order.{outcome}", placed_after_ms=age, **ids)


def store_order(command: PlaceOrder, table: OrderTable, prices: PriceTable | None) -> str:
    """Store an order as placed, or as rejected with its violations. Returns "placed", "rejected" or "already_there".

    Raises Poison when another order has this id (two bodies under one idempotency key), Fault.
    """
    order = order_of(command)
    if order.status == OrderStatus.PLACED:
        try:
            order = preprocess(order, command.placed_by, prices=prices)
        except InvalidOrder as refusal:
            order = order.rejected(refusal.violations)
    stored = table.add(order)
    if stored is None:
        return order.status
    if isinstance(stored, Order) and stored.fingerprint != order.fingerprint:
        raise Poison("idempotency-key-reused: another order has this id")
    return _ALREADY_THERE


def reject_order(command: PlaceOrder, reason: str, table: OrderTable) -> Order | ErasedOrder | None:
    """Store as rejected an order that an operator gives up, so that its client does not read "accepted" permanently.

    Returns the order that already has this id; None if there was none. Raises Fault.
    """
    order = order_of(command)
    return table.add(order.rejected(order.violations or (), reason[:MAX_STATUS_REASON]))


def order_of(command: PlaceOrder) -> Order:
    """The order that a command asks for: placed, or rejected when its content is invalid."""
    return Order.place(
        command.order,
        order_id=command.order_id,
        customer_id=command.customer_id,
        placed_at=command.placed_at,
        correlation_id=command.correlation_id,
        traceparent=command.traceparent,
    )
