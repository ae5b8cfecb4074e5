"""Orders from a shop's invoice lines, in the CSV layout of the UCI data set Online Retail.

The layout: InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID, Country.
Source: Chen, Sain and Guo (2012), Online Retail, UCI Machine Learning Repository, CC BY 4.0.
"""

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from chalicelib.domain.iso_codes import CURRENCY_EXPONENTS
from chalicelib.domain.orders import CUSTOMER_ID_PATTERN

COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "UnitPrice", "CustomerID")
NAME_LENGTH = 500

Row = dict[str, str]

# Plain notation only: int() and Decimal() would also take "1_0", "NaN" and "1e3".
_WHOLE = re.compile(r"(-?[0-9]{1,12})(?:\.0+)?")
# 28 digits at the most: within Decimal's default precision nothing is rounded.
_PRICE = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,16})?")
_CUSTOMER_AS_NUMBER = re.compile(r"([0-9]+)\.0")  # 17850.0: a column of numbers with gaps, as spreadsheets write it
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# It becomes the order's reference, and its Idempotency-Key, which is a header.
_INVOICE_NUMBER = re.compile(r"[!-~]{1,64}")


class UnreadableFileError(Exception):
    """The file does not contain invoice lines; the message says why."""


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
    """An invoice that is not posted: it is not an order, or it is refused here."""

    invoice: str
    outcome: Literal["not an order", "refused"]
    reason: str


def read(data: bytes) -> dict[str, list[Row]]:
    """Return the lines of each invoice, in the file's order, adjacent or not; UnreadableFileError."""
    rows = csv.DictReader(io.StringIO(_text(data), newline=""), strict=True)
    invoices: dict[str, list[Row]] = {}
    try:
        missing = [column for column in COLUMNS if column not in (rows.fieldnames or ())]
        if missing:
            raise UnreadableFileError(f"its first line does not name {', '.join(missing)}")
        for row in rows:
            if None in row or None in row.values():
                raise UnreadableFileError(f"line {rows.line_num} has more or fewer fields than the first line")
            invoices.setdefault(row["InvoiceNo"].strip(), []).append(row)
    except csv.Error as error:
        raise UnreadableFileError(f"after line {rows.line_num}: {error}") from error
    if not invoices:
        raise UnreadableFileError("it contains no invoice")
    return invoices


def judge(invoice: str, rows: list[Row], *, currency: str, guest: str | None = None) -> Placeable | NotPlaced:
    """Return the invoice as an order in `currency` (ISO 4217), or why it is not one.

    `guest` is the customer of an invoice that names no customer.
    """
    if invoice.startswith("C"):
        return NotPlaced(invoice, "not an order", "credit note")
    if not _INVOICE_NUMBER.fullmatch(invoice):
        return NotPlaced(invoice, "refused", "no usable invoice number")
    try:
        # The lines first: a guest does not fix what is wrong with them.
        items = [_item(row, CURRENCY_EXPONENTS[currency]) for row in rows]
        customer_id = _customer(rows, guest)
    except _NotPlaceableError as reason:
        return NotPlaced(invoice, "refused", str(reason))
    return Placeable(invoice, customer_id, {"currency": currency, "reference": invoice, "items": items})


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    # The data set as published is Latin-1, which decodes any bytes: a file that is not text is recognised by NULs.
    if b"\0" in data:
        raise UnreadableFileError("it is neither UTF-8 nor Latin-1 text")
    return data.decode("latin-1")


def _item(row: Row, exponent: int) -> dict[str, Any]:
    item: dict[str, Any] = {"sku": row["StockCode"]}
    if name := _printable(row["Description"]):
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


def _printable(text: str) -> str | None:
    """Return the text as an order takes it, without control characters and not too long; None for blank text."""
    return _CONTROL.sub(" ", text)[:NAME_LENGTH] if text.strip() else None
