"""Which invoices become orders, and what those orders hold. Real data: see tests/data/README.md."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.orders import NewOrder, parse
from ordersctl.client.invoices import NotPlaced, Placeable, UnreadableFileError, judge, read

REAL = (Path(__file__).parents[3] / "data" / "online-retail-cut.csv").read_bytes()
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"


def line(
    *,
    invoice: str = "536366",
    sku: str = "22633",
    name: str = "HAND WARMER UNION JACK",
    quantity: str = "6",
    price: str = "1.85",
    customer: str = "17850.0",
) -> str:
    return f'{invoice},{sku},"{name}",{quantity},2010-12-01 08:28:00,{price},{customer},United Kingdom\n'


def judge_file(data: bytes, guest: str | None = None, currency: str = "GBP") -> list[Placeable | NotPlaced]:
    return [judge(invoice, rows, currency=currency, guest=guest) for invoice, rows in read(data).items()]


def judge_lines(*lines: str, guest: str | None = None, currency: str = "GBP") -> Placeable | NotPlaced:
    (judged,) = judge_file((HEADER + "".join(lines)).encode(), guest, currency)
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
        (line(customer=""), "no customer"),
        (line(customer="a b"), "no usable customer id"),
        (line(invoice=""), "no usable invoice number"),
        (line(invoice="53 6366"), "no usable invoice number"),
        (line(invoice="5" * 65), "no usable invoice number"),
    ],
)
def test_what_cannot_be_placed_is_refused_with_its_reason(wrong: str, reason: str) -> None:
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
        ("PORCELAIN ROSE LARGE ", "PORCELAIN ROSE LARGE "),
        ('RECORD FRAME 7"" SINGLE SIZE ', 'RECORD FRAME 7" SINGLE SIZE '),
        ("DOTCOM GIFT £5 VOUCHER", "DOTCOM GIFT £5 VOUCHER"),
        ("A\tB\nC", "A B C"),
        ("x" * 501, "x" * 500),
        ("  ", None),
    ],
)
def test_a_description_is_kept_as_far_as_an_order_takes_it(name: str, kept: str | None) -> None:
    judged = judge_lines(line(name=name))
    assert isinstance(judged, Placeable)
    assert judged.order["items"][0].get("name") == kept
    parse(NewOrder, judged.order)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_a_file_may_be_utf_8_or_latin_1(encoding: str) -> None:
    (judged,) = judge_file((HEADER + line(name="VOUCHER £5")).encode(encoding))
    assert isinstance(judged, Placeable)
    assert judged.order["items"][0]["name"] == "VOUCHER £5"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "does not name InvoiceNo"),
        (b"\xff\xd8\xff\x00\x10JFIF", "neither UTF-8 nor Latin-1"),
        (b"a,b\n1,2\n", "does not name InvoiceNo"),
        (HEADER.replace("UnitPrice", "Price").encode(), "does not name UnitPrice"),
        (HEADER.encode(), "contains no invoice"),
        ((HEADER + line() + "536367,22633\n").encode(), "line 3 has more or fewer fields"),
        ((HEADER + line()[:-1] + ",more\n").encode(), "line 2 has more or fewer fields"),
        ((HEADER + '536366,"22633\n').encode(), "unexpected end"),
        ((HEADER + line(name="x" * 200_000)).encode(), "after line 1: field larger"),
    ],
)
def test_a_file_of_something_else_is_refused_with_the_reason(data: bytes, why: str) -> None:
    with pytest.raises(UnreadableFileError, match=why):
        read(data)
