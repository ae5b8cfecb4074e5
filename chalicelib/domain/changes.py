"""A change of an order as a client asks for it: a JSON Merge Patch (RFC 7396) of its content, a status, or both."""

from typing import Annotated, Any, Self

from pydantic import create_model, model_validator
from pydantic_core import PydanticCustomError

from chalicelib.domain.errors import InvalidOrder, NotChangeable, Violation
from chalicelib.domain.orders import (
    MAX_ORDER_BYTES,
    MAX_STATUS_REASON,
    TRANSITIONS,
    Order,
    OrderContent,
    OrderStatus,
    parse,
)
from chalicelib.domain.parts import MAX_METADATA, Address, Contact, Document, MetadataName
from chalicelib.domain.validation import MayBeEmpty, at_most, text


class _Change(Document):
    status: OrderStatus | None = None
    status_reason: Annotated[str, text(MAX_STATUS_REASON), MayBeEmpty()] | None = None

    @model_validator(mode="after")
    def _status_is_meant(self) -> Self:
        fields = self.model_fields_set & {"status", "status_reason"}
        if fields and (self.status is None or (self.status_reason is None and "status_reason" in fields)):
            raise PydanticCustomError("status", "The status cannot be removed, and status_reason requires a status")
        return self

    def content_of(self, order: Order) -> OrderContent | None:
        """The order's content with this change applied; None when it asks for none. Raises as Order.change does."""
        patch = self.model_dump(include=set(OrderContent.model_fields), exclude_unset=True)
        if not patch:
            return None
        if order.status == OrderStatus.REJECTED:
            raise NotChangeable(
                "an order that is rejected has nothing to change", order.status, TRANSITIONS[order.status]
            )
        if isinstance(metadata := patch.get("metadata"), dict):  # before its names are counted
            patch["metadata"] = {name: None if value == "" else value for name, value in metadata.items()}
        content = parse(OrderContent, merge_patch(order.content, patch))
        if len(content.model_dump_json(exclude_none=True).encode()) > MAX_ORDER_BYTES:
            # Each of many changes fits; the item that they add up to does not, and its status could not change either.
            raise InvalidOrder([Violation("", f"The whole order would be larger than {MAX_ORDER_BYTES} bytes")])
        return content


# A patch that replaces every name of an order's metadata has twice as many names as an order.
MAX_METADATA_CHANGES = 2 * MAX_METADATA


def _part(model: type[Document]) -> Any:
    """A part of the content, in a patch: no other names than the model's, also where null takes nothing away."""
    anything: dict[str, Any] = dict.fromkeys(model.model_fields, (Any, None))
    return create_model(f"{model.__name__}Change", __base__=Document, **anything) | None


# All else may hold anything in a patch: content_of checks what the patch makes of the order.
_address_change = _part(Address)
_FIELDS: dict[str, Any] = dict.fromkeys(OrderContent.model_fields, (Any, None)) | {
    "shipping_address": (_address_change, None),
    "billing_address": (_address_change, None),
    "contact": (_part(Contact), None),
    "metadata": (Annotated[dict[MetadataName, Any], at_most(MAX_METADATA_CHANGES)] | None, None),
}
OrderChange = create_model(
    "OrderChange",
    __base__=_Change,
    __doc__="A merge patch (RFC 7396) of an order: null takes an optional field away. Lists are replaced as a whole.",
    **_FIELDS,
)


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
