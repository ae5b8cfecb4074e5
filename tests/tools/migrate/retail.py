"""Real orders (Online Retail, CC BY 4.0) as a shop of OpenCart or WooCommerce would have them in its tables."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ordersctl.client import invoice_file, invoices
from ordersctl.client.invoices import Placeable

SHIPPING, DISCOUNT = 495, 100  # pence, of every second and every third order


@dataclass(frozen=True)
class RetailOrder:
    """One invoice, with what the shop adds to its lines."""

    number: int
    invoice: Placeable

    @property
    def adjustments(self) -> list[tuple[str, int]]:
        """Shipping and discount: type and pence."""
        found = [("shipping", SHIPPING)] if self.number % 2 else []
        return [*found, ("discount", -DISCOUNT)] if self.number % 3 == 0 else found

    @property
    def lines(self) -> list[dict[str, Any]]:
        return list(self.invoice.order["items"])

    @property
    def total(self) -> int:
        """Pence."""
        sum_of_lines = sum(line["quantity"] * line["unit_price"] for line in self.lines)
        return int(sum_of_lines) + sum(amount for _, amount in self.adjustments)


def read(file: Path) -> Iterator[RetailOrder]:
    """The orders of a CSV of invoice lines that this service takes."""
    for number, (name, rows) in enumerate(sorted(invoice_file.read(file.read_bytes()).invoices.items()), 1):
        judged = invoices.judge(name, rows, currency="GBP", guest="guest")
        if isinstance(judged, Placeable) and sum(_price(line) for line in judged.order["items"]) > DISCOUNT:
            yield RetailOrder(number, judged)


def opencart(order: RetailOrder) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of an order: table and values."""
    number, address = (
        order.number,
        {"firstname": "Ann", "lastname": "Lee", "address_1": "1 High Street", "city": "Leeds"},
    )
    yield (
        "oc_order",
        {
            **dict.fromkeys(("firstname", "lastname"), "Ann"),
            "order_id": number,
            "invoice_prefix": "INV-",
            "customer_id": 1_000 + number % 7,
            "email": "ann@shop.example",
            "telephone": "0113 496 0000",
            **{f"payment_{name}": value for name, value in address.items()},
            **{f"shipping_{name}": value for name, value in address.items()},
            "payment_company": "Lee & Co",
            "payment_address_2": "Floor 2",
            "payment_zone": "Yorkshire",
            "payment_postcode": "LS1 1AA",
            "payment_country_id": 222,
            "shipping_postcode": "LS1 1AA",
            "shipping_country_id": 222,
            "shipping_company": "",
            "shipping_address_2": "",
            "shipping_zone": "Yorkshire",
            "comment": "",
            "total": _pounds(order.total),
            "order_status_id": (1, 2, 3, 5, 7)[number % 5],
            "currency_code": "GBP",
            "currency_value": 1,
            "date_added": f"2010-12-{1 + number % 28:02d} 08:26:00",
            "date_modified": f"2010-12-{1 + number % 28:02d} 09:00:00",
        },
    )
    for line in order.lines:
        price = _pounds(line["unit_price"])
        yield (
            "oc_order_product",
            {
                "order_id": number,
                "product_id": 1,
                "name": line.get("name", ""),
                "model": line["sku"],
                "quantity": line["quantity"],
                "price": price,
                "total": _pounds(_price(line)),
                "tax": 0,
            },
        )
    for code, amount in [*order.adjustments, ("total", order.total)]:
        yield (
            "oc_order_total",
            {
                "order_id": number,
                "code": "coupon" if code == "discount" else code,
                "title": code.title(),
                "value": _pounds(amount),
                "sort_order": 9 if code == "total" else 3,
            },
        )


def woocommerce(order: RetailOrder) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of an order: table and values. Items are numbered by their order."""
    number, day = order.number, f"2010-12-{1 + order.number % 28:02d}"
    status = ("wc-pending", "wc-processing", "wc-completed", "wc-cancelled")[number % 4]
    yield (
        "wp_wc_orders",
        {
            "id": number,
            "status": status,
            "currency": "GBP",
            "type": "shop_order",
            "tax_amount": 0,
            "total_amount": _pounds(order.total),
            "customer_id": number % 5,
            "billing_email": "ann@shop.example",
            "date_created_gmt": f"{day} 08:26:00",
            "date_updated_gmt": f"{day} 09:00:00",
            "customer_note": "ring\ntwice",
        },
    )
    for kind in ("billing", "shipping"):
        yield (
            "wp_wc_order_addresses",
            {
                "order_id": number,
                "address_type": kind,
                "first_name": "Ann",
                "last_name": "Lee",
                "company": "",
                "address_1": "1 High Street",
                "address_2": "",
                "city": "Leeds",
                "state": "",
                "postcode": "LS1 1AA",
                "country": "GB",
                "phone": "0113 496 0000",
            },
        )
    parts: list[tuple[str, str, dict[str, str]]] = [
        (
            "line_item",
            line.get("name", ""),
            {"_product_id": line["sku"], "_qty": str(line["quantity"]), "_line_subtotal": _pounds(_price(line))},
        )
        for line in order.lines
    ]
    for kind, amount in order.adjustments:
        meta = {"cost": _pounds(amount)} if kind == "shipping" else {"discount_amount": _pounds(-amount)}
        parts.append(("coupon" if kind == "discount" else kind, kind.title(), meta))
    for place, (kind, name, meta) in enumerate(parts):
        item = number * 10_000 + place
        yield (
            "wp_woocommerce_order_items",
            {"order_item_id": item, "order_item_name": name, "order_item_type": kind, "order_id": number},
        )
        for key, value in meta.items():
            yield "wp_woocommerce_order_itemmeta", {"order_item_id": item, "meta_key": key, "meta_value": value}


def _price(line: dict[str, Any]) -> int:
    return int(line["quantity"] * line["unit_price"])


def _pounds(pence: int) -> str:
    return f"{'-' if pence < 0 else ''}{abs(pence) // 100}.{abs(pence) % 100:02d}"
