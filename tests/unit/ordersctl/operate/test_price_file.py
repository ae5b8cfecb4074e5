"""A file of prices is read whole, or refused with the line that is wrong."""

import pytest

from ordersctl.operate.prices.price_file import Price, UnreadablePricesError, read

HEADER = "sku,currency,unit_price\n"


def test_a_line_is_the_price_of_a_sku_in_a_currency() -> None:
    assert read((HEADER + "85123A,GBP,255\n85123A,EUR,299\n POST ,GBP, 0 \n").encode("utf-8-sig")) == [
        Price("85123A", "GBP", 255),
        Price("85123A", "EUR", 299),
        Price("POST", "GBP", 0),
    ]


def test_columns_may_stand_in_any_order_and_letter_case() -> None:
    assert read(b"Unit_Price,SKU,Name,Currency\n255,85123A,Lamp,GBP\n") == [Price("85123A", "GBP", 255)]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "does not name sku, currency, unit_price"),
        (b"sku;currency;unit_price\n1;GBP;2\n", "does not name sku, currency, unit_price, separated by commas"),
        (HEADER.encode(), "contains no price"),
        (b"sku,sku,currency,unit_price\na,b,GBP,1\n", "names sku twice"),
        ((HEADER + "85123A,GBP\n").encode(), "line 2 has more or fewer fields"),
        ((HEADER + "85123A,GBP,2,55\n").encode(), "line 2 has more or fewer fields"),
        ((HEADER + "85123A,GBP,2.55\n").encode(), "line 2: the unit_price is not a whole number of minor units"),
        ((HEADER + "85123A,GBP,-1\n").encode(), "line 2: the unit_price is not a whole number"),
        ((HEADER + "85123A,GBP,\u0663\n").encode(), "line 2: the unit_price is not a whole number"),
        ((HEADER + "85123A,GBP," + "9" * 5_000 + "\n").encode(), "line 2: unit_price: "),
        ((HEADER + "85123A,gbp,255\n").encode(), "line 2: currency: "),
        ((HEADER + ",GBP,255\n").encode(), "line 2: sku: "),
        ((HEADER + "85123A,GBP,255\n85123A,GBP,256\n").encode(), "line 3: 85123A has another price above"),
        ((HEADER + "CAF\u00c9,GBP,255\n").encode("cp1252"), "no UTF-8 text"),
        ((HEADER + '85123A,"GBP\n').encode(), "unexpected end"),
    ],
)
def test_a_wrong_file_is_refused_with_the_line(data: bytes, why: str) -> None:
    with pytest.raises(UnreadablePricesError, match=why):
        read(data)
