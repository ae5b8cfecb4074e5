"""Rows of the mapping's SELECTs as an order."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel

from chalicelib.adapters import order_items
from chalicelib.domain import order_ids, orders
from chalicelib.domain.errors import InvalidOrder
from chalicelib.domain.iso_codes import COUNTRIES
from chalicelib.domain.orders import CUSTOMER_ID_PATTERN, NewOrder, Order
from chalicelib.domain.parts import Address, LineItem
from ordersctl.migrate import item_size
from ordersctl.migrate.errors import Refused
from ordersctl.migrate.mapping import values
from ordersctl.migrate.mapping.model import ShopMapping

Row = Mapping[str, Any]

_MANY_LINES = 200  # fewer cannot make an item too large
# The columns of [order] select: those of an order itself, and by their prefix those of its parts.
TEXTS = ("note", "reference")
TIMES = ("placed_at", "updated_at", "ordered_at")
ORDER_COLUMNS = ("customer_id", "status", "status_reason", "currency", "total", *TEXTS, *TIMES)
PREFIXES = {"ship_": "shipping_address", "bill_": "billing_address", "contact_": "contact", "meta_": "metadata"}
LINE_COLUMNS = ("sku", "name", "quantity", "unit_price")
ADJUSTMENT_COLUMNS = ("type", "label", "amount", "included")
IGNORED = "_"  # what a column begins with that is there for ORDER BY only


@dataclass(frozen=True)
class Gone:
    """An order that the source does not have, or has no more."""

    order_id: str
    at: str  # when that was seen (RFC 3339)


@dataclass(frozen=True)
class Mapper:
    """Makes orders of rows, by one mapping and with the stage's secret."""

    mapping: ShopMapping
    secret: bytes

    def order_id(self, key: int) -> str:
        """The id of an order of the shop: the same in every run, whoever its customer is."""
        return order_ids.mint_imported(self.secret, self.mapping.name, str(key))

    def order(self, row: Row, lines: Sequence[Row], adjustments: Sequence[Row] = ()) -> Order:
        """The order of its rows; raises Refused."""
        currency = str(row.get("currency"))
        sent = self._content(row, lines, adjustments, currency)
        try:
            new = orders.parse(NewOrder, sent)
        except InvalidOrder as refusal:
            raise Refused(_plain(refusal)) from None
        total = self._agreed_total(row, new, currency)
        if total != new.total:
            new = orders.parse(NewOrder, sent | {"adjustments": _with_difference(sent, total - new.total)})
        placed_at = self._moment(row.get("placed_at"))
        if placed_at is None:
            raise Refused("it has no placed_at")
        order = Order(
            order_id=self.order_id(row[self.mapping.key]),
            customer_id=self._customer(row),
            status=self._status(row),
            status_reason=self._text(row.get("status_reason")),
            **{name: getattr(new, name) for name in NewOrder.model_fields},
            total=new.total,
            version=0,  # the write counts
            placed_at=placed_at,
            updated_at=self._moment(row.get("updated_at")) or placed_at,
            fingerprint=orders.fingerprint(new),
            correlation_id=f"import-{self.mapping.name}",
        )
        if len(order.items) > _MANY_LINES and item_size.size(order_items.to_item(order)) > item_size.LARGEST:
            raise Refused("it is larger than an item of DynamoDB may be (400 KB)")
        return order

    def _content(self, row: Row, lines: Sequence[Row], adjustments: Sequence[Row], currency: str) -> dict[str, Any]:
        sent: dict[str, Any] = {"currency": currency, "items": [self._line(line, currency) for line in lines]}
        if adjustments:
            sent["adjustments"] = [self._adjustment(each, currency) for each in adjustments]
        sent |= {
            name: self._text(row[name], name, NewOrder, line_breaks=name == "note") for name in TEXTS if name in row
        }
        if ordered_at := self._moment(row.get("ordered_at")):
            sent["ordered_at"] = ordered_at
        for prefix, field in PREFIXES.items():
            if part := self._part(row, prefix):
                sent[field] = part
        return {name: value for name, value in sent.items() if value is not None}

    def _part(self, row: Row, prefix: str) -> dict[str, str]:
        """An address, the contact or the metadata: the columns with its prefix that are not empty."""
        model = Address if prefix in {"ship_", "bill_"} else None
        found = {
            name.removeprefix(prefix): self._text(value, name.removeprefix(prefix), model)
            for name, value in row.items()
            if name.startswith(prefix)
        }
        part = {name: value for name, value in found.items() if value is not None}
        if model is Address and not part.keys() & _WHERE:
            return {}  # a form that was not filled in, or the name of a customer who collects the order
        if "country" in part and model is Address:
            part["country"] = self._country(part["country"])
        return part

    def _country(self, legacy: str) -> str:
        found = self.mapping.countries.get(legacy, legacy)
        if found not in COUNTRIES:
            raise Refused(f"the country {legacy[:40]!r} has no line in [country]")
        return found

    def _line(self, row: Row, currency: str) -> dict[str, Any]:
        line = {
            "sku": self._text(row.get("sku"), "sku", LineItem),
            "name": self._text(row.get("name"), "name", LineItem),
            "quantity": _whole(row.get("quantity")),
            "unit_price": self._money(row.get("unit_price"), currency),
        }
        return {name: value for name, value in line.items() if value is not None}

    def _adjustment(self, row: Row, currency: str) -> dict[str, Any]:
        found = {
            "type": self._text(row.get("type")),
            "label": self._text(row.get("label")),
            "amount": self._money(row.get("amount"), currency),
            "included": bool(row["included"]) if row.get("included") else None,
        }
        return {name: value for name, value in found.items() if value is not None}

    def _agreed_total(self, row: Row, new: NewOrder, currency: str) -> int:
        """The total that the order is to have; raises Refused when the shop's own differs and the rule is `exact`."""
        rule = self.mapping.rules["total"]
        if row.get("total") is None or rule == "ignore":
            return new.total
        theirs = self._money(row["total"], currency)
        if theirs != new.total and rule == "exact":
            raise Refused(f"its total is {theirs} in minor units, and its parts make {new.total}")
        return theirs

    def _customer(self, row: Row) -> str:
        customer = row.get("customer_id")
        if (
            isinstance(customer, bool)
            or not isinstance(customer, int | str)
            or not re.fullmatch(CUSTOMER_ID_PATTERN, str(customer))
        ):
            raise Refused("its customer_id cannot be one")
        return str(customer)

    def _status(self, row: Row) -> str:
        legacy = str(row.get("status"))
        if legacy not in self.mapping.statuses:
            raise Refused(f"its status {legacy[:40]!r} has no line in [status]")
        return self.mapping.statuses[legacy]

    def _money(self, value: Any, currency: str) -> int:
        return values.minor_units(value, currency, rule=self.mapping.rules["money"])

    def _moment(self, value: Any) -> str | None:
        rules = self.mapping.rules
        zero_date, ambiguous = rules["zero_date"], rules["ambiguous_time"]
        return values.moment(value, self.mapping.time_zone, zero_date=zero_date, ambiguous=ambiguous)

    def _text(
        self, value: Any, field: str = "", model: type[BaseModel] | None = None, *, line_breaks: bool = False
    ) -> str | None:
        rules = self.mapping.rules
        found = values.text(value, control_characters=rules["control_characters"], line_breaks=line_breaks)
        if found is not None and model is not None and rules["too_long"] == "cut":
            return found[: _limits(model).get(field)].strip()
        return found


def unknown_columns(found: Iterable[str], known: Iterable[str], prefixes: Iterable[str] = ()) -> list[str]:
    """The columns of a result that have no place in an order."""
    allowed, begins = set(known), (IGNORED, *prefixes)
    return [name for name in found if name not in allowed and not name.startswith(begins)]


_WHERE = {"line1", "line2", "city", "postal_code"}  # an address without any of them is none


def _with_difference(sent: Mapping[str, Any], difference: int) -> list[Any]:
    kind = "discount" if difference < 0 else "fee"
    return [*sent.get("adjustments", ()), {"type": kind, "label": "Rounding difference", "amount": difference}]


def _whole(value: Any) -> Any:
    """A DECIMAL quantity that is a whole number as one; the order's own rules judge the rest."""
    if value is None or isinstance(value, int):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise Refused("a quantity is not a number") from None
    if not number.is_integer():
        raise Refused(f"the quantity {value} is not whole")
    return int(number)


@cache
def _limits(model: type[BaseModel]) -> dict[str, int]:
    """The longest text of each field of a model."""
    found: dict[str, int] = {}
    for name, schema in model.model_json_schema().get("properties", {}).items():
        for each in (schema, *schema.get("anyOf", ())):
            if "maxLength" in each:
                found[name] = each["maxLength"]
    return found


def _plain(refusal: InvalidOrder) -> str:
    return "; ".join(f"{each.pointer or '/'}: {each.detail}" for each in refusal.violations[:3])
