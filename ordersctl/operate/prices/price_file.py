"""A file of prices: a CSV with the columns sku, currency and unit_price."""

import csv
import io
from dataclasses import dataclass

from pydantic import ValidationError

from chalicelib.domain.orders import NewOrder
from chalicelib.domain.parts import LineItem
from chalicelib.domain.validation import violations

COLUMNS = ("sku", "currency", "unit_price")


class UnreadablePricesError(Exception):
    """The file does not contain prices; the message says where and why."""


@dataclass(frozen=True)
class Price:
    """What one unit costs, in minor units."""

    sku: str
    currency: str
    unit_price: int


def read(data: bytes) -> list[Price]:
    """Return the prices of a file; UnreadablePricesError for the first line that is wrong. Nothing is guessed."""
    try:
        lines = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        names = [name.strip().lower() for name in lines.fieldnames or ()]
        lines.fieldnames = names
        if twice := [column for column in COLUMNS if names.count(column) > 1]:
            raise UnreadablePricesError(f"its first line names {', '.join(twice)} twice")
        if missing := [column for column in COLUMNS if column not in names]:
            raise UnreadablePricesError(f"its first line does not name {', '.join(missing)}, separated by commas")
        prices: dict[tuple[str, str], Price] = {}
        for row in lines:
            price = _price(row, lines.line_num)
            if prices.setdefault((price.sku, price.currency), price) != price:
                raise UnreadablePricesError(f"line {lines.line_num}: {price.sku} has another price above")
    except UnicodeDecodeError as error:
        raise UnreadablePricesError("it is no UTF-8 text") from error
    except csv.Error as error:
        raise UnreadablePricesError(f"line {lines.line_num}: {error}") from error
    if not prices:
        raise UnreadablePricesError("it contains no price")
    return list(prices.values())


def _price(row: dict[str, str], line: int) -> Price:
    if None in row or None in row.values():
        raise UnreadablePricesError(f"line {line} has more or fewer fields than the first line")
    sku, currency, amount = (row[column].strip() for column in COLUMNS)
    if not (amount.isascii() and amount.isdigit()):
        raise UnreadablePricesError(f"line {line}: the unit_price is not a whole number of minor units")
    item = {"sku": sku, "quantity": 1, "unit_price": int(amount[:20])}
    try:
        # By the order's own rules: a price that no order can name would never be met.
        NewOrder.model_validate({"currency": currency, "items": [item]})
    except ValidationError as error:
        wrong = violations(error)[0]
        raise UnreadablePricesError(f"line {line}: {wrong.pointer.rpartition('/')[2]}: {wrong.detail}") from error
    line_item = LineItem.model_validate(item)
    return Price(line_item.sku, currency, line_item.unit_price)
