"""Orders from a shop's invoice lines, in the CSV layout of the UCI data set Online Retail.

The layout: InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID, Country.
Source: Chen, Sain and Guo (2012), Online Retail, UCI Machine Learning Repository, CC BY 4.0.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

from chalicelib.domain.iso_codes import CURRENCY_EXPONENTS
from chalicelib.domain.orders import CUSTOMER_ID_PATTERN
from ordersctl.client.invoice_dates import UTC_DATES, InvoiceDates, UnusableDateError
from ordersctl.client.invoice_file import DATE, Row

NAME_LENGTH = 500  # characters, as an order takes it

# Plain notation only: int() and Decimal() also take "1_0", "NaN" and "1e3".
_WHOLE = re.compile(r"(-?[0-9]{1,12})(?:\.0+)?")
# 28 digits at most: within Decimal's default precision nothing is rounded.
_PRICE = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,16})?")
_DECIMAL_COMMA = re.compile(r"-?[0-9.]*,[0-9.,]*")
_CUSTOMER_AS_NUMBER = re.compile(r"([0-9]+)\.0")  # 17850.0: a column of numbers with gaps, as spreadsheets write it
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# It becomes the order's reference, and its Idempotency-Key, which is a header.
_INVOICE_NUMBER = re.compile(r"[!-~]{1,64}")


class _NotPlaceableError(Exception):
    """This invoice cannot be placed; the message is the reason, worded the same for every such invoice."""


@dataclass(frozen=True)
class Placeable:
    """An invoice that can be placed, as the order that `POST /orders` takes."""

    invoice: str
    customer_id: str
    order: dict[str, Any]


@dataclass(frozen=True)
class NotPlaced:
    """An invoice that is not posted: it is not an order, or `load` refuses it."""

    invoice: str
    outcome: Literal["not an order", "refused"]
    reason: str


def judge(
    invoice: str, rows: list[Row], *, currency: str, dates: InvoiceDates = UTC_DATES, guest: str | None = None
) -> Placeable | NotPlaced:
    """Return the invoice as an order in `currency` (ISO 4217), or why it is not one.

    `guest` is the customer of an invoice that names no customer. An order was placed when its first line was written.
    """
    if invoice.startswith("C"):
        return NotPlaced(invoice, "not an order", "credit note")
    if not _INVOICE_NUMBER.fullmatch(invoice):
        return NotPlaced(invoice, "refused", "no usable invoice number")
    try:
        # Check the lines first: a guest customer does not make a bad line valid.
        items = [_item(row, CURRENCY_EXPONENTS[currency]) for row in rows]
        ordered_at = _ordered_at(rows, dates)
        customer_id = _customer(rows, guest)
    except (_NotPlaceableError, UnusableDateError) as reason:
        return NotPlaced(invoice, "refused", str(reason))
    return Placeable(invoice, customer_id, {"currency": currency, "reference": invoice, **ordered_at, "items": items})


def _item(row: Row, exponent: int) -> dict[str, Any]:
    item: dict[str, Any] = {"sku": row["StockCode"].strip()}
    if name := _name(row["Description"]):
        item["name"] = name
    return item | {
        "quantity": _quantity(row["Quantity"]),
        "unit_price": _minor_units(row["UnitPrice"], exponent),
    }


def _quantity(text: str) -> int:
    whole = _WHOLE.fullmatch(text.strip())
    if not whole:
        raise _NotPlaceableError("a quantity that is not a whole number")
    if (quantity := int(whole[1])) < 1:
        raise _NotPlaceableError("a quantity below 1")
    return quantity


def _minor_units(text: str, exponent: int) -> int:
    if _DECIMAL_COMMA.fullmatch(text.strip()):
        raise _NotPlaceableError("a price with a comma; its decimals are expected after a point")
    if not _PRICE.fullmatch(text.strip()):
        raise _NotPlaceableError("a price that is not a number")
    price = Decimal(text.strip())
    if price < 0:
        raise _NotPlaceableError("a negative price")
    minor_units = price.scaleb(exponent)
    if minor_units % 1:
        raise _NotPlaceableError("a price that is not a whole number of minor units")
    return int(minor_units)


def _customer(rows: Iterable[Row], guest: str | None) -> str:
    customers = {row["CustomerID"].strip() for row in rows}
    if len(customers) > 1:
        raise _NotPlaceableError("more than one customer")
    customer = customers.pop() or guest
    if not customer:
        raise _NotPlaceableError("no customer")
    if number := _CUSTOMER_AS_NUMBER.fullmatch(customer):
        customer = number[1]
    if not re.fullmatch(CUSTOMER_ID_PATTERN, customer):
        raise _NotPlaceableError("no usable customer id")
    return customer


def _ordered_at(rows: Iterable[Row], dates: InvoiceDates) -> dict[str, str]:
    now = datetime.now(UTC)
    times = [dates.rfc3339(row[DATE], now=now) for row in rows if DATE in row]
    return {"ordered_at": min(times)} if times else {}


def _name(text: str) -> str | None:
    """Return a description as an order takes it, its control characters as spaces; None for blank text."""
    name = _CONTROL.sub(" ", text).strip()
    if len(name) > NAME_LENGTH:
        raise _NotPlaceableError(f"a description of more than {NAME_LENGTH} characters")
    return name or None
