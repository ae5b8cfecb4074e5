"""An order: what it is made of, and what may happen to it. A method returns a new Order; time is an argument."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, computed_field, model_validator
from pydantic_core import PydanticCustomError

from chalicelib.domain.errors import IllegalTransition, InvalidOrder, NotChangeable, NotPermitted, Violation
from chalicelib.domain.parts import (
    Address,
    Adjustment,
    Contact,
    Document,
    LineItem,
    OptionalAdjustments,
    OptionalContact,
    OptionalMetadata,
    subtotal_of,
)
from chalicelib.domain.validation import (
    MAX_AMOUNT,
    Currency,
    MayBeEmpty,
    Moment,
    at_most,
    empty_texts,
    lines,
    text,
    violations,
    without,
)

MAX_ITEMS = 2_000
MAX_ORDER_BYTES = 240 * 1024  # as JSON: what the service adds must still fit into SNS's and DynamoDB's limits
MAX_STATUS_REASON = 200  # characters

# Visible ASCII without / \ # ? %. These have a meaning in URLs. Not "." or "..": clients and gateways resolve those in
# a path. Written without lookahead because pydantic's regex engine has none.
_ID, _ID_BUT_DOT = r'[!"$&-.0->@-\[\]-~]', r'[!"$&-\-0->@-\[\]-~]'
CUSTOMER_ID_PATTERN = f"^({_ID_BUT_DOT}{_ID}{{0,127}}|[.]{_ID_BUT_DOT}{_ID}{{0,126}}|[.]{{2}}{_ID}{{1,126}})$"
STORED_CUSTOMER_ID_PATTERN = f"^{_ID}{{1,128}}$"  # earlier releases accepted . and .., and such orders remain
TIMESTAMP_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"


class OrderStatus(StrEnum):
    PLACED = "placed"
    CONFIRMED = "confirmed"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    ERASED = "erased"


TRANSITIONS: Mapping[str, frozenset[OrderStatus]] = {
    OrderStatus.PLACED: frozenset({OrderStatus.CONFIRMED, OrderStatus.CANCELLED}),
    OrderStatus.CONFIRMED: frozenset({OrderStatus.SHIPPED, OrderStatus.CANCELLED}),
    OrderStatus.SHIPPED: frozenset({OrderStatus.DELIVERED}),
    OrderStatus.DELIVERED: frozenset(),
    OrderStatus.CANCELLED: frozenset(),
    OrderStatus.REJECTED: frozenset(),
}
OWNER_MAY_ASK_FOR = frozenset({OrderStatus.CANCELLED})


class OrderContent(Document):
    """What a client may change later."""

    items: Annotated[tuple[LineItem, ...], Field(min_length=1, max_length=MAX_ITEMS), at_most(MAX_ITEMS)]
    shipping_address: Address | None = None
    note: Annotated[str, lines(2_000), MayBeEmpty()] | None = None
    adjustments: OptionalAdjustments = None
    billing_address: Address | None = None
    contact: OptionalContact = None
    metadata: OptionalMetadata = None

    @property
    def total(self) -> int:
        return subtotal_of(self.items) + sum(each.amount for each in self.adjustments or () if not each.included)

    @model_validator(mode="after")
    def _is_payable(self) -> Self:
        if subtotal_of(self.items) > MAX_AMOUNT:
            raise PydanticCustomError("subtotal", "The items must cost at most 10^12 minor units together")
        if self.adjustments and not 0 <= self.total <= MAX_AMOUNT:
            raise PydanticCustomError("total", "The total must be 0 to 10^12 minor units")
        return self


class NewOrder(OrderContent):
    """What a client sends to place an order."""

    currency: Currency
    reference: Annotated[str, text(64), MayBeEmpty()] | None = None
    ordered_at: Moment | None = None


# Groups of fields: name used in errors, statuses in which they may change.
_PRICE = ("items and adjustments", frozenset({OrderStatus.PLACED}))
_DELIVERY = ("addresses, contact and note", frozenset({OrderStatus.PLACED, OrderStatus.CONFIRMED}))
_ALWAYS = ("metadata", frozenset(OrderStatus) - {OrderStatus.REJECTED, OrderStatus.ERASED})  # these have no content
CHANGE_RULES = {
    "items": _PRICE,
    "adjustments": _PRICE,
    "shipping_address": _DELIVERY,
    "billing_address": _DELIVERY,
    "contact": _DELIVERY,
    "note": _DELIVERY,
    "metadata": _ALWAYS,
}

# Fields of Order that the API and the events do not show, and those that a list shows.
INTERNAL = {"fingerprint", "correlation_id", "traceparent", "change_id"}
SUMMARY = {"order_id", "customer_id", "status", "currency", "total", "reference", "version", "placed_at", "updated_at"}


class Order(BaseModel):
    """An order as it is stored and shown: every field of NewOrder, and what the service adds.

    Read from our own table, so its fields are not checked again. A rejected order has none of what the client sent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    order_id: str
    customer_id: str
    status: str  # an OrderStatus; or one of a newer release: shown as it stands; it allows no further transition
    status_reason: str | None = None
    currency: str | None = None
    items: tuple[LineItem, ...]
    adjustments: tuple[Adjustment, ...] | None = None
    total: int
    shipping_address: Address | None = None
    billing_address: Address | None = None
    contact: Contact | None = None
    note: str | None = None
    reference: str | None = None
    metadata: dict[str, str] | None = None
    ordered_at: str | None = None
    violations: tuple[Violation, ...] | None = None
    version: int
    placed_at: str
    updated_at: str
    fingerprint: str
    correlation_id: str  # of the request that placed it
    traceparent: str | None = None  # of the last request that had one (W3C Trace Context)
    change_id: str | None = None  # of the last changes, newest first: the table's own, to recognise a repeated write

    @classmethod
    def place(
        cls,
        document: Any,
        *,
        order_id: str,
        customer_id: str,
        placed_at: str,
        correlation_id: str,
        traceparent: str | None,
    ) -> "Order":
        """Return the first version of an order: placed, or rejected when the document is not a NewOrder."""
        facts: dict[str, Any] = {
            "order_id": order_id,
            "customer_id": customer_id,
            "version": 1,
            "placed_at": placed_at,
            "updated_at": placed_at,
            "correlation_id": correlation_id,
            "traceparent": traceparent,
        }
        try:
            new = parse(NewOrder, document, now=placed_at)
        except InvalidOrder as refusal:
            facts |= {"status": OrderStatus.REJECTED, "items": (), "total": 0, "violations": refusal.violations}
            return cls(**facts, fingerprint=fingerprint(document))
        sent = {name: getattr(new, name) for name in NewOrder.model_fields}
        return cls(**facts, **sent, status=OrderStatus.PLACED, total=new.total, fingerprint=fingerprint(new))

    def rejected(self, violations: Iterable[Violation], reason: str | None = None) -> "Order":
        """Return this order as rejected: without what the client sent, like one whose document is invalid."""
        nothing: dict[str, Any] = dict.fromkeys(NewOrder.model_fields)
        refusal = {"status": OrderStatus.REJECTED, "items": (), "total": 0, "violations": tuple(violations) or None}
        return self.model_copy(update=nothing | refusal | {"status_reason": reason})

    @computed_field  # type: ignore[prop-decorator]  # https://docs.pydantic.dev/latest/api/fields: mypy's own limitation
    @property
    def subtotal(self) -> int:
        return subtotal_of(self.items)

    @property
    def item_count(self) -> int:
        return len(self.items)

    def shown(self) -> dict[str, Any]:
        """The order as the API and the events show it, as JSON values."""
        return self.model_dump(mode="json", exclude=INTERNAL, exclude_none=True)

    @property
    def content(self) -> dict[str, Any]:
        """What a client may change, as JSON values."""
        return self.model_dump(mode="json", include=set(OrderContent.model_fields), exclude_none=True)

    def change(
        self,
        content: OrderContent | None,
        *,
        status: OrderStatus | None,
        reason: str | None,
        by_service: bool,
        now: str,
    ) -> "Order":
        """Return the order with new content (None: as it is) and status; the same order when nothing differs.

        Raises NotChangeable, NotPermitted, IllegalTransition.
        """
        allowed = TRANSITIONS.get(self.status, frozenset())
        if not by_service:
            allowed &= OWNER_MAY_ASK_FOR
        changes: dict[str, Any] = {} if content is None else self._content_changes(content, allowed)
        if status is not None and status != self.status:
            if not by_service and status not in OWNER_MAY_ASK_FOR:
                raise NotPermitted(f"only a service may ask for {status}")
            if status not in allowed:
                raise IllegalTransition(self.status, status, allowed)
            changes |= {"status": status, "status_reason": reason}
        elif status is not None and reason not in {None, self.status_reason}:
            raise NotChangeable(f"the reason of an order that is {self.status} is fixed", self.status, allowed)
        if not changes:
            return self
        return self.model_copy(update=changes | {"version": self.version + 1, "updated_at": now})

    def erase(self, now: str) -> "ErasedOrder":
        return ErasedOrder(
            order_id=self.order_id,
            version=self.version + 1,
            updated_at=now,
            correlation_id=self.correlation_id,
            traceparent=self.traceparent,
            change_id=self.change_id,
        )

    def _content_changes(self, content: OrderContent, allowed: Iterable[str]) -> dict[str, Any]:
        changes = {name: value for name, value in content if value != getattr(self, name)}
        for name in changes:
            what, statuses = CHANGE_RULES[name]
            if self.status not in statuses:
                raise NotChangeable(f"the {what} of an order that is {self.status} are fixed", self.status, allowed)
        if not changes.keys().isdisjoint({"items", "adjustments"}):
            changes["total"] = content.total
        return changes


class ErasedOrder(BaseModel):
    """What is left of an erased order: nothing personal, but enough that a late duplicate cannot bring it back."""

    model_config = ConfigDict(frozen=True)

    order_id: str
    version: int
    updated_at: str
    correlation_id: str
    traceparent: str | None = None
    change_id: str | None = None


DocumentT = TypeVar("DocumentT", bound=BaseModel)


def parse(model: type[DocumentT], value: Any, *, now: str | None = None) -> DocumentT:
    """Check a JSON value against a model; raises InvalidOrder with every violation's place.

    An empty text is a field left out. After `now` (RFC 3339) no time may be; None permits any.
    """
    context = None if now is None else {"now": now}
    try:
        return model.model_validate(value, context=context)
    except ValidationError as error:
        # Only here: looking for empty texts before would cost every order, and most have none.
        empty = empty_texts(error)
        if not empty:
            raise InvalidOrder(violations(error)) from None
    try:
        return model.model_validate(without(value, empty), context=context)
    except ValidationError as error:
        raise InvalidOrder(violations(error, empty)) from None


def fingerprint(order: Any) -> str:
    """A short hash of what was ordered: a NewOrder, or the JSON value that failed to be one."""
    if isinstance(order, NewOrder):
        document = order.model_dump_json(exclude_none=True)
    else:
        document = json.dumps(order, sort_keys=True)
    return hashlib.sha256(document.encode()).hexdigest()[:32]
