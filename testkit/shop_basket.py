"""A basket as the checkout of a shop sends it, and the plain one that it is compared with."""

from typing import Any

_NAMES = ("CREAM CUPID HEARTS COAT HANGER", "KNITTED UNION FLAG HOT WATER BOTTLE", "RED WOOLLY HOTTIE WHITE HEART")


def shop_basket() -> dict[str, Any]:
    """20 lines, VAT in the prices, shipping, a coupon, and every optional field, some of them empty."""
    lines: list[dict[str, Any]] = [
        {"sku": f"84{number:03}", "name": _NAMES[number % 3], "quantity": number % 6 + 1, "unit_price": 255 + number}
        for number in range(20)
    ]
    goods = sum(each["quantity"] * each["unit_price"] for each in lines)
    return {
        "currency": "GBP",
        "items": lines,
        "adjustments": [
            {"type": "shipping", "label": "Royal Mail Tracked 48", "amount": 495},
            {"type": "discount", "label": "WELCOME10", "amount": -(goods // 10)},
            {"type": "tax", "label": "VAT 20 %", "amount": goods // 6, "included": True},
            {"type": "tip", "label": "", "amount": 0},
        ],
        "shipping_address": {
            "name": "Ann Lee",
            "company": "Lee & Daughters Ltd",
            "line1": "1 High Street",
            "line2": "",
            "city": "Leeds",
            "region": "",
            "postal_code": "LS1 1AA",
            "country": "GB",
            "phone": "+44 (0)113 496 0000",
        },
        "billing_address": {"name": "Accounts", "line1": "2 Low Street", "city": "Pristina", "country": "XK"},
        "contact": {"email": "ann.lee@example.com", "phone": ""},
        "note": "Happy birthday, Jo!\r\n\r\n\tYour friends\n",
        "reference": "2026-000371",
        "metadata": {"cart": "c_8Zk3", "channel": "web", "affiliate": ""},
        "ordered_at": "2026-01-31t11:58:03+00:00",
    }


def plain_basket() -> dict[str, Any]:
    """Ten of the same lines, and nothing else."""
    return {"currency": "GBP", "items": shop_basket()["items"][:10]}
