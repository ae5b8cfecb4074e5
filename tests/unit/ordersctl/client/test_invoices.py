"""Which invoices become orders, and the content of those orders. Real data: see tests/data/README.md."""

from collections import Counter
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chalicelib.domain.orders import NewOrder, parse
from ordersctl.client.invoice_dates import UTC_DATES, InvoiceDates
from ordersctl.client.invoice_file import read
from ordersctl.client.invoices import NotPlaced, Placeable, judge

REAL = (Path(__file__).parents[3] / "data" / "online-retail-cut.csv").read_bytes()
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"


def line(
    *,
    invoice: str = "536366",
    sku: str = "22633",
    name: str = "HAND WARMER UNION JACK",
    quantity: str = "6",
    price: str = "1.85",
    date: str = "2010-12-01 08:28:00",
    customer: str = "17850.0",
) -> str:
    return f'{invoice},{sku},"{name}",{quantity},{date},{price},{customer},United Kingdom\n'


def judge_file(
    data: bytes, guest: str | None = None, currency: str = "GBP", dates: InvoiceDates = UTC_DATES
) -> list[Placeable | NotPlaced]:
    return [
        judge(invoice, rows, currency=currency, dates=dates, guest=guest)
        for invoice, rows in read(data).invoices.items()
    ]


def judge_lines(
    *lines: str, guest: str | None = None, currency: str = "GBP", dates: InvoiceDates = UTC_DATES
) -> Placeable | NotPlaced:
    (judged,) = judge_file((HEADER + "".join(lines)).encode(), guest, currency, dates)
    return judged


def item_of(text: str, currency: str = "GBP") -> dict[str, Any]:
    judged = judge_lines(text, currency=currency)
    assert isinstance(judged, Placeable)
    item: dict[str, Any] = judged.order["items"][0]
    return item


def test_an_invoice_becomes_the_order_of_its_customer() -> None:
    assert judge_lines(line(), line(sku="POST", name="", quantity="1", price="15.0")) == Placeable(
        "536366",
        "17850",
        {
            "currency": "GBP",
            "reference": "536366",
            "ordered_at": "2010-12-01T08:28:00.000Z",
            "items": [
                {"sku": "22633", "name": "HAND WARMER UNION JACK", "quantity": 6, "unit_price": 185},
                {"sku": "POST", "quantity": 1, "unit_price": 1500},
            ],
        },
    )


def test_every_real_invoice_is_an_order_that_the_service_takes_or_has_its_reason() -> None:
    judged = judge_file(REAL)
    reasons = Counter(each.reason for each in judged if isinstance(each, NotPlaced))
    assert reasons == {"credit note": 2, "no customer": 2, "a quantity below 1": 1}
    placeable = [each for each in judged if isinstance(each, Placeable)]
    assert [each.invoice for each in placeable] == ["536366", "536371", "536386", "536394", "536403"]
    for each in placeable:
        parse(NewOrder, each.order)


def test_a_guest_takes_the_invoices_without_a_customer_and_no_others() -> None:
    guests = [
        each.invoice
        for each in judge_file(REAL, guest="guest")
        if isinstance(each, Placeable) and each.customer_id == "guest"
    ]
    assert guests == ["536414", "536555"]


def test_lines_of_one_invoice_belong_together_even_when_others_stand_between() -> None:
    first, second = judge_file((HEADER + line(sku="1") + line(invoice="536367", sku="2") + line(sku="3")).encode())
    assert isinstance(first, Placeable)
    assert isinstance(second, Placeable)
    assert [item["sku"] for item in first.order["items"]] == ["1", "3"]
    assert [item["sku"] for item in second.order["items"]] == ["2"]


@pytest.mark.parametrize(
    ("price", "pence"),
    [
        ("2.55", 255),
        ("0.29", 29),
        ("1.1", 110),
        ("0.0", 0),
        ("8", 800),
        ("2.5500", 255),
        ("9999999999.99", 999999999999),
    ],
)
def test_pounds_become_pence_exactly(price: str, pence: int) -> None:
    assert item_of(line(price=price))["unit_price"] == pence


@pytest.mark.parametrize(("currency", "minor_units"), [("JPY", 3), ("EUR", 300), ("BHD", 3000)])
def test_a_price_is_in_the_minor_units_of_its_currency(currency: str, minor_units: int) -> None:
    assert item_of(line(price="3.0"), currency)["unit_price"] == minor_units


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (line(quantity="0"), "a quantity below 1"),
        (line(quantity="-10"), "a quantity below 1"),
        (line(quantity="1.5"), "a quantity that is not a whole number"),
        (line(quantity=""), "a quantity that is not a whole number"),
        (line(quantity="1_0"), "a quantity that is not a whole number"),
        (line(quantity="٣"), "a quantity that is not a whole number"),
        (line(quantity="9" * 5000), "a quantity that is not a whole number"),
        (line(price="-11062.06"), "a negative price"),
        (line(price="0.001"), "a price that is not a whole number of minor units"),
        (line(price="2.5499999999999998"), "a price that is not a whole number of minor units"),
        (line(price="999999999999.0000000000000001"), "a price that is not a whole number of minor units"),
        (line(price=""), "a price that is not a number"),
        (line(price="NaN"), "a price that is not a number"),
        (line(price="1e3"), "a price that is not a number"),
        (line(price="9" * 5000), "a price that is not a number"),
        (line(price="1." + "0" * 30 + "1"), "a price that is not a number"),
        (line(price='"2,55"'), "a price with a comma; its decimals are expected after a point"),
        (line(price='"1.234,50"'), "a price with a comma; its decimals are expected after a point"),
        (line(name="x" * 501), "a description of more than 500 characters"),
        (line(date="01/12/2010 08:28"), "an invoice date that is not written as 2010-12-31 23:59:58"),
        (line(date=""), "an invoice date that is not written as 2010-12-31 23:59:58"),
        (line(date="2010-02-29 08:28:00"), "an invoice date that is not written as 2010-12-31 23:59:58"),
        (line(date="9999-12-31 08:28:00"), "an invoice date in the future"),
        (line(customer=""), "no customer"),
        (line(customer="a b"), "no usable customer id"),
        (line(invoice=""), "no usable invoice number"),
        (line(invoice="53 6366"), "no usable invoice number"),
        (line(invoice="5" * 65), "no usable invoice number"),
    ],
)
def test_an_invoice_that_cannot_be_placed_is_refused_with_its_reason(wrong: str, reason: str) -> None:
    judged = judge_lines(wrong)
    assert isinstance(judged, NotPlaced)
    assert (judged.outcome, judged.reason) == ("refused", reason)


def test_one_bad_line_refuses_its_whole_invoice() -> None:
    judged = judge_lines(line(), line(quantity="-1"))
    assert isinstance(judged, NotPlaced)


def test_an_invoice_of_two_customers_is_refused() -> None:
    assert judge_lines(line(), line(customer="13047.0"), guest="guest") == NotPlaced(
        "536366", "refused", "more than one customer"
    )


def test_a_guest_customer_does_not_make_a_bad_line_valid() -> None:
    assert judge_lines(line(customer="", quantity="-10"), guest="guest") == NotPlaced(
        "536366", "refused", "a quantity below 1"
    )


def test_a_credit_note_is_not_an_order_whatever_it_holds() -> None:
    assert judge_lines(line(invoice="C536379", customer="", price="x")) == NotPlaced(
        "C536379", "not an order", "credit note"
    )


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("PORCELAIN ROSE LARGE ", "PORCELAIN ROSE LARGE"),
        ('RECORD FRAME 7"" SINGLE SIZE ', 'RECORD FRAME 7" SINGLE SIZE'),
        ("DOTCOM GIFT £5 VOUCHER", "DOTCOM GIFT £5 VOUCHER"),
        ("A\tB\nC", "A B C"),
        ("x" * 500, "x" * 500),
        ("  ", None),
    ],
)
def test_a_description_is_reduced_to_the_text_that_an_order_allows(name: str, kept: str | None) -> None:
    judged = judge_lines(line(name=name))
    assert isinstance(judged, Placeable)
    assert judged.order["items"][0].get("name") == kept
    parse(NewOrder, judged.order)


def test_spaces_around_a_sku_are_not_part_of_it() -> None:
    assert item_of(line(sku=" 22633 "))["sku"] == "22633"


@pytest.mark.parametrize(
    ("date", "zone", "moment"),
    [
        ("2010-12-01 08:28:00", "Europe/London", "2010-12-01T08:28:00.000Z"),
        ("2011-06-01 08:28:00", "Europe/London", "2011-06-01T07:28:00.000Z"),
        ("2011-06-01 08:28:00", "America/New_York", "2011-06-01T12:28:00.000Z"),
        ("2011-10-30 01:30:00", "Europe/London", "2011-10-30T00:30:00.000Z"),  # twice that night: the first of the two
    ],
)
def test_a_date_is_when_the_customer_ordered_by_the_shops_clock(date: str, zone: str, moment: str) -> None:
    judged = judge_lines(line(date=date), dates=InvoiceDates(ZoneInfo(zone)))
    assert isinstance(judged, Placeable)
    assert judged.order["ordered_at"] == moment
    parse(NewOrder, judged.order)


def test_a_time_that_the_shops_clock_skipped_is_refused() -> None:
    judged = judge_lines(line(date="2011-03-27 01:30:00"), dates=InvoiceDates(ZoneInfo("Europe/London")))
    assert judged == NotPlaced("536366", "refused", "an invoice date that the clocks of Europe/London skipped")


@pytest.mark.parametrize(
    ("date", "zone"), [("0001-01-01 00:00:00", "Asia/Tokyo"), ("9999-12-31 23:59:59", "America/New_York")]
)
def test_a_date_at_the_end_of_the_calendar_refuses_its_invoice_only(date: str, zone: str) -> None:
    judged = judge_lines(line(date=date), dates=InvoiceDates(ZoneInfo(zone)))
    assert judged == NotPlaced("536366", "refused", "an invoice date beyond the calendar")


def test_dates_are_read_by_the_layout_that_the_user_names() -> None:
    dates = InvoiceDates(layout="%d/%m/%Y %H:%M")
    judged = judge_lines(line(date="1/12/2010 8:26"), dates=dates)
    assert isinstance(judged, Placeable)
    assert judged.order["ordered_at"] == "2010-12-01T08:26:00.000Z"


def test_an_invoice_was_made_when_its_first_line_was() -> None:
    judged = judge_lines(line(date="2010-12-01 08:29:00"), line(date="2010-12-01 08:28:00"))
    assert isinstance(judged, Placeable)
    assert judged.order["ordered_at"] == "2010-12-01T08:28:00.000Z"


def test_without_a_column_of_dates_nobody_knows_when_the_customer_ordered() -> None:
    header = HEADER.replace("InvoiceDate", "Posted")
    (judged,) = judge_file((header + line()).encode())
    assert isinstance(judged, Placeable)
    assert "ordered_at" not in judged.order
