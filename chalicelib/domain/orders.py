"""An order: what it is made of, what may happen to it. Deeds return a new Order; time is an argument."""

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from chalicelib.domain.errors import IllegalTransition, InvalidOrder, NotChangeable, NotPermitted, Violation
from chalicelib.domain.iso_codes import COUNTRIES, CURRENCY_EXPONENTS

MAX_AMOUNT = 10**12  # minor units, for a price and for a total
MAX_ITEMS = 2_000
_MAX_VIOLATIONS = 20  # a hopeless document is not answered with a book
_MAX_POINTER = 200
# pydantic's own words for these name Python's types and our classes.
_PLAIN = {
    "model_type": "Input should be an object",
    "tuple_type": "Input should be an array",
    "too_short": "There should be at least 1 item",
    "too_long": f"There should be at most {MAX_ITEMS} items",
}

CUSTOMER_ID_PATTERN = r"^[A-Za-z0-9._-]{1,64}$"
TIMESTAMP_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"


def _whole(value: Any) -> Any:
    # JSON Schema (2020-12, validation 6.1.1) calls 12.0 an integer; code and schema must agree.
    return int(value) if type(value) is float and value.is_integer() else value


def _known_currency(code: str) -> str:
    if code not in CURRENCY_EXPONENTS:
        raise PydanticCustomError("currency", "Input should be a currency code of ISO 4217")
    return code


def _known_country(code: str) -> str:
    if code not in COUNTRIES:
        raise PydanticCustomError("country", "Input should be a country code of ISO 3166-1 alpha-2")
    return code


# No control characters, and not the two others that no SQS message may hold. Spaces and odd but printable characters
# are real in names and SKUs.
def _text(most: int) -> Any:
    return StringConstraints(
        strict=True, min_length=1, max_length=most, pattern=r"^[^\x00-\x1f\x7f-\x9f\uFFFE\uFFFF]+$"
    )


# Bounds stand before the validator that runs before them: pydantic puts those into the JSON Schema that it can see.
Count = Annotated[int, Field(strict=True, ge=1, le=1_000_000), BeforeValidator(_whole)]
Amount = Annotated[int, Field(strict=True, ge=0, le=MAX_AMOUNT), BeforeValidator(_whole)]
Currency = Annotated[
    str,
    Field(strict=True, json_schema_extra={"enum": sorted(CURRENCY_EXPONENTS)}),
    AfterValidator(_known_currency),
]
Country = Annotated[
    str, Field(strict=True, json_schema_extra={"enum": sorted(COUNTRIES)}), AfterValidator(_known_country)
]


class OrderStatus(StrEnum):
    PLACED = "placed"
    CONFIRMED = "confirmed"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    ERASED = "erased"


TRANSITIONS: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.PLACED: frozenset({OrderStatus.CONFIRMED, OrderStatus.CANCELLED}),
    OrderStatus.CONFIRMED: frozenset({OrderStatus.SHIPPED, OrderStatus.CANCELLED}),
    OrderStatus.SHIPPED: frozenset({OrderStatus.DELIVERED}),
    OrderStatus.DELIVERED: frozenset(),
    OrderStatus.CANCELLED: frozenset(),
    OrderStatus.REJECTED: frozenset(),
}
OWNER_MAY_ASK_FOR = frozenset({OrderStatus.CANCELLED})
_ITEMS_CHANGE_IN = frozenset({OrderStatus.PLACED})
_DELIVERY_CHANGES_IN = frozenset({OrderStatus.PLACED, OrderStatus.CONFIRMED})

_CONTENT = {"items", "shipping_address", "note"}  # of an order, what a client may change
INTERNAL = {"fingerprint", "correlation_id", "traceparent"}  # of an order, not for showing


class _Document(BaseModel):
    """A part of what a client sends: frozen, and nothing in it that is not asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LineItem(_Document):
    sku: Annotated[str, _text(64)]
    name: Annotated[str, _text(200)] | None = None
    quantity: Count
    unit_price: Amount


class Address(_Document):
    name: Annotated[str, _text(200)]
    line1: Annotated[str, _text(200)]
    line2: Annotated[str, _text(200)] | None = None
    city: Annotated[str, _text(100)]
    region: Annotated[str, _text(100)] | None = None
    postal_code: Annotated[str, _text(20)] | None = None
    country: Country


class OrderContent(_Document):
    """What a client may change later."""

    items: Annotated[tuple[LineItem, ...], Field(min_length=1, max_length=MAX_ITEMS)]
    shipping_address: Address | None = None
    note: Annotated[str, _text(1_000)] | None = None

    @property
    def total(self) -> int:
        return sum(item.quantity * item.unit_price for item in self.items)

    @model_validator(mode="after")
    def _total_is_payable(self) -> Self:
        if self.total > MAX_AMOUNT:
            raise PydanticCustomError("total", "The total should be at most 10^12 minor units")
        return self


class NewOrder(OrderContent):
    """What a client sends to place an order."""

    currency: Currency
    reference: Annotated[str, _text(64)] | None = None


class Order(BaseModel):
    """An order as it is stored and shown. Read from our own table, so its fields are not checked again."""

    model_config = ConfigDict(frozen=True)

    order_id: str
    customer_id: str
    status: OrderStatus
    status_reason: str | None = None
    currency: str | None = None
    items: tuple[LineItem, ...] = ()
    total: int = 0
    shipping_address: Address | None = None
    note: str | None = None
    reference: str | None = None
    violations: tuple[Violation, ...] | None = None
    version: int
    placed_at: str
    updated_at: str
    fingerprint: str
    correlation_id: str  # of the request that placed it
    traceparent: str | None = None  # of the last request that had one (W3C Trace Context)

    @property
    def item_count(self) -> int:
        return len(self.items)

    def shown(self) -> dict[str, Any]:
        """The order as the API and the events show it, as JSON values."""
        return self.model_dump(mode="json", exclude=INTERNAL, exclude_none=True)

    @property
    def content(self) -> dict[str, Any]:
        """What a client may change, as JSON values."""
        return self.model_dump(mode="json", include=_CONTENT, exclude_none=True)

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
        changes: dict[str, Any] = {}
        if content is not None:
            changes = self._content_changes(content)
        if status is not None and status is not self.status:
            self._check_may_become(status, by_service=by_service)
            changes |= {"status": status, "status_reason": reason}
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
        )

    def _content_changes(self, content: OrderContent) -> dict[str, Any]:
        changes: dict[str, Any] = {}
        if content.items != self.items:
            if self.status not in _ITEMS_CHANGE_IN:
                raise NotChangeable(f"the items of an order that is {self.status} are fixed")
            changes |= {"items": content.items, "total": content.total}
        if (content.shipping_address, content.note) != (self.shipping_address, self.note):
            if self.status not in _DELIVERY_CHANGES_IN:
                raise NotChangeable(f"the address and note of an order that is {self.status} are fixed")
            changes |= {"shipping_address": content.shipping_address, "note": content.note}
        return changes

    def _check_may_become(self, target: OrderStatus, *, by_service: bool) -> None:
        if not by_service and target not in OWNER_MAY_ASK_FOR:
            raise NotPermitted(f"only a service may ask for {target}")
        allowed = TRANSITIONS[self.status]
        if target not in allowed:
            raise IllegalTransition(self.status, target, allowed if by_service else allowed & OWNER_MAY_ASK_FOR)


class OrderChange(_Document):
    """A merge patch (RFC 7396) of an order: null takes an optional field away. Items are replaced as a whole."""

    status: OrderStatus | None = None
    status_reason: Annotated[str, _text(200)] | None = None
    items: Any = None
    shipping_address: Any = None
    note: Any = None

    @model_validator(mode="after")
    def _status_is_meant(self) -> Self:
        fields = self.model_fields_set & {"status", "status_reason"}
        if fields and (self.status is None or (self.status_reason is None and "status_reason" in fields)):
            raise PydanticCustomError("status", "A status cannot be taken away, and a reason goes with a status")
        return self

    def content_of(self, order: Order) -> OrderContent | None:
        """The order's content with this change applied; None when it asks for none. Raises as Order.change does."""
        patch = self.model_dump(include=_CONTENT, exclude_unset=True)
        if patch and order.status is OrderStatus.REJECTED:
            raise NotChangeable("an order that is rejected has nothing to change")
        return parse(OrderContent, merge_patch(order.content, patch)) if patch else None


class ErasedOrder(BaseModel):
    """What is left of an erased order: nothing personal, but enough that a late duplicate cannot bring it back."""

    model_config = ConfigDict(frozen=True)

    order_id: str
    version: int
    updated_at: str
    correlation_id: str
    traceparent: str | None = None


DocumentT = TypeVar("DocumentT", bound=BaseModel)


def parse(model: type[DocumentT], value: Any) -> DocumentT:
    """Check a JSON value against a model; raises InvalidOrder with every violation's place."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InvalidOrder(_violations(error)) from None


def merge_patch(target: Any, patch: Any) -> Any:
    """Apply a JSON Merge Patch (RFC 7396, section 2)."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def fingerprint(order: Any) -> str:
    """A short hash of what was ordered: a NewOrder, or the JSON value that failed to be one."""
    if isinstance(order, NewOrder):
        text = order.model_dump_json(exclude_none=True)
    else:
        text = json.dumps(order, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _violations(error: ValidationError) -> list[Violation]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    # pydantic counts only the items that are right: with a wrong one among few it also says that there are too few.
    deep = {each["loc"][0] for each in found if len(each["loc"]) > 1}
    told = [each for each in found if each["type"] != "too_short" or each["loc"][0] not in deep]
    return [Violation(_pointer(each["loc"]), _PLAIN.get(each["type"], each["msg"])) for each in told[:_MAX_VIOLATIONS]]


def _pointer(location: tuple[int | str, ...]) -> str:
    escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in location)
    return "".join(f"/{part}" for part in escaped)[:_MAX_POINTER]
