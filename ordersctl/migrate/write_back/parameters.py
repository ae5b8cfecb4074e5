"""An order of an event as parameters of the shop's statements."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from chalicelib.domain.iso_codes import CURRENCY_EXPONENTS
from ordersctl.migrate.errors import Stopped
from ordersctl.migrate.mapping.model import ReverseSync, ShopMapping

_ADDRESS = ("name", "company", "line1", "line2", "city", "region", "postal_code", "country", "phone")
_TEXTS = ("customer_id", "currency", "note", "reference", "status_reason")


def of_order(mapping: ShopMapping, reverse: ReverseSync, order: Mapping[str, Any], key: int | None) -> dict[str, Any]:
    """Every parameter of [reverse] order and update; None for what the order does not have."""
    status = str(order["status"])
    if status not in reverse.status:
        raise Stopped(f"[reverse] status has no line for {status}.")
    found: dict[str, Any] = {name: order.get(name) for name in _TEXTS}
    found |= {
        "order_id": order["order_id"],
        "version": order.get("version"),
        "key": key,
        "status": reverse.status[status],
    }
    for prefix, part in (("ship_", "shipping_address"), ("bill_", "billing_address")):
        found |= {prefix + name: (order.get(part) or {}).get(name) for name in _ADDRESS}
    found |= {f"contact_{name}": (order.get("contact") or {}).get(name) for name in ("email", "phone")}
    found["total"] = _major(order.get("total"), order.get("currency"))
    for name in ("placed_at", "updated_at"):
        found[name] = _local(order.get(name), mapping)
    return found


def of_lines(order: Mapping[str, Any], key: int) -> Iterator[dict[str, Any]]:
    """Every parameter of [reverse] line, for each line."""
    for position, line in enumerate(order.get("items", ()), 1):
        yield {
            "key": key,
            "position": position,
            "sku": line["sku"],
            "name": line.get("name"),
            "quantity": line["quantity"],
            "unit_price": _major(line["unit_price"], order.get("currency")),
        }


def _major(amount: int | None, currency: str | None) -> Decimal | None:
    """Minor units as the decimal number that a shop stores."""
    if amount is None or currency is None:
        return None
    return Decimal(amount).scaleb(-CURRENCY_EXPONENTS[currency])


def _local(moment: str | None, mapping: ShopMapping) -> str | None:
    """A time as the shop's DATETIME columns have it."""
    if moment is None:
        return None
    return f"{datetime.fromisoformat(moment).astimezone(mapping.time_zone):%Y-%m-%d %H:%M:%S}"
