"""The parts of what a client sends: lines, addresses, amounts beside the lines, how to reach the customer."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from chalicelib.domain.validation import (
    Amount,
    Count,
    Country,
    Email,
    MayBeEmpty,
    SignedAmount,
    at_most,
    text,
)

MAX_METADATA = 50
MAX_ADJUSTMENTS = 50


class Document(BaseModel):
    """A part of what a client sends: frozen, and no field in it that is not declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LineItem(Document):
    sku: Annotated[str, text(64)]
    name: Annotated[str, text(500), MayBeEmpty()] | None = None
    quantity: Count
    unit_price: Amount


class Address(Document):
    name: Annotated[str, text(200)]
    line1: Annotated[str, text(200)]
    line2: Annotated[str, text(200), MayBeEmpty()] | None = None
    city: Annotated[str, text(100)]
    region: Annotated[str, text(100), MayBeEmpty()] | None = None
    postal_code: Annotated[str, text(20), MayBeEmpty()] | None = None
    country: Country
    company: Annotated[str, text(200), MayBeEmpty()] | None = None
    phone: Annotated[str, text(40), MayBeEmpty()] | None = None


class Contact(Document):
    email: Email | None = None
    phone: Annotated[str, text(40), MayBeEmpty()] | None = None


def _schema_of_signs(schema: dict[str, Any]) -> None:
    """Say in the JSON Schema what `_has_its_sign` checks, in words of every draft."""
    *others, discount = schema["properties"]["type"]["enum"]
    schema["anyOf"] = [
        {"properties": {"type": {"enum": others}, "amount": {"minimum": 0}}},
        {"properties": {"type": {"enum": [discount]}, "amount": {"maximum": -1}}},
    ]


class Adjustment(Document):
    """An amount beside the lines, in minor units; one that is included in the prices is shown and not added."""

    model_config = ConfigDict(json_schema_extra=_schema_of_signs)

    type: Literal["shipping", "tax", "fee", "tip", "discount"]
    label: Annotated[str, text(200), MayBeEmpty()] | None = None
    amount: SignedAmount
    included: Annotated[bool, Field(strict=True)] | None = None

    @field_validator("amount")
    @classmethod
    def _has_its_sign(cls, amount: int, info: ValidationInfo) -> int:
        kind = info.data.get("type")
        if kind == "discount" and amount >= 0:
            raise PydanticCustomError("discount", "The amount of a discount must be below 0")
        if kind not in {None, "discount"} and amount < 0:
            raise PydanticCustomError("not_a_discount", "Only the amount of a discount may be below 0")
        return amount


def subtotal_of(items: Iterable[LineItem]) -> int:
    """What the lines cost together, in minor units."""
    return sum(item.quantity * item.unit_price for item in items)


def _any(adjustments: tuple[Adjustment, ...] | None) -> tuple[Adjustment, ...] | None:
    return adjustments or None


def _in_order(metadata: dict[str, str] | None) -> dict[str, str] | None:
    # Names have no order in JSON: the same order sent again has the same fingerprint.
    return dict(sorted(metadata.items())) if metadata else None


def _reachable(contact: Contact | None) -> Contact | None:
    return contact if contact and (contact.email or contact.phone) else None


MetadataName = Annotated[str, text(40)]
Metadata = Annotated[
    dict[MetadataName, Annotated[str, text(500), MayBeEmpty()]],
    Field(max_length=MAX_METADATA, json_schema_extra={"additionalProperties": False}),
    at_most(MAX_METADATA),
]
Adjustments = Annotated[tuple[Adjustment, ...], Field(max_length=MAX_ADJUSTMENTS), at_most(MAX_ADJUSTMENTS)]
# An empty list or object is the field left out, as an empty text is.
OptionalAdjustments = Annotated[Adjustments | None, AfterValidator(_any)]
OptionalMetadata = Annotated[Metadata | None, AfterValidator(_in_order)]
OptionalContact = Annotated[Contact | None, AfterValidator(_reachable)]
