"""Events: what subscribers learn when an order has changed. CloudEvents 1.0, JSON format."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from chalicelib.domain.orders import TRANSITIONS, ErasedOrder, Order

SCHEMA_VERSION = 1


class OrderEvent(BaseModel):
    """One event in CloudEvents' structured JSON (https://github.com/cloudevents/spec, v1.0.2, JSON event format).

    `id` is the same on every redelivery and replay. `sequence` is the order's version (sequence extension).
    """

    model_config = ConfigDict(frozen=True)

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    type: str
    subject: str
    time: str
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str
    sequence: str
    sequencetype: Literal["Integer"] = "Integer"
    correlationid: str
    traceparent: str | None = None  # distributed tracing extension
    dataref: str | None = None
    replayed: Literal[True] | None = None  # published again by an operator (ordersctl replay)
    data: dict[str, Any] | None = None

    def to_json(self) -> str:
        return self.model_dump_json(exclude_none=True)

    def thin(self) -> "OrderEvent":
        """The same event without its data, which a consumer can read from the API at `dataref`."""
        return self.model_copy(update={"data": None, "dataref": f"/orders/{self.subject}"})


def between(before: Order | ErasedOrder | None, after: Order | ErasedOrder | None, *, source: str) -> OrderEvent | None:
    """Return the event of a change of an item; None when its version did not change, and for a removed item."""
    if after is None or (before is not None and before.version == after.version):
        return None
    if isinstance(after, ErasedOrder):
        return _event("order.erased", after, {"order_id": after.order_id, "status": "erased"}, source)
    data = after.shown()
    if isinstance(before, Order) and not _only_imports_make(before.status, after.status):
        data["previous_status"] = before.status
    return _event(f"order.{_what_happened(before, after)}", after, data, source)


def _what_happened(before: Order | ErasedOrder | None, after: Order) -> str:
    if isinstance(before, Order) and before.status == after.status:
        return "changed"
    # An order begins in any status: rejected, that of an imported order, or one that only a newer release knows. Its
    # event says what is true. Called placed, it would start work on an order on which nobody should work.
    return after.status


def _only_imports_make(before: str, after: str) -> bool:
    """Whether the source of an import changed a status as this service never does: the schemas do not have it."""
    return before != after and before in TRANSITIONS and after in TRANSITIONS and after not in TRANSITIONS[before]


def _event(event_type: str, order: Order | ErasedOrder, data: dict[str, Any], source: str) -> OrderEvent:
    return OrderEvent(
        id=f"{order.order_id}.{order.version}",
        source=source,
        type=event_type,
        subject=order.order_id,
        time=order.updated_at,
        dataschema=f"urn:orders:events:{event_type}:v{SCHEMA_VERSION}",
        sequence=str(order.version),
        correlationid=order.correlation_id,
        traceparent=order.traceparent,
        data=data,
    )
