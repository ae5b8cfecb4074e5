"""What AWS charges: where each price comes from, and the price of a write."""

from datetime import date

import pytest

from ordersctl.estimate.cost.aws_prices import aws_prices
from ordersctl.estimate.cost.order_sizes import only, sizes
from ordersctl.estimate.cost.per_order import Load, dollars_per_million, units


def test_every_price_has_a_date_a_source_and_a_confirmation() -> None:
    price = aws_prices()
    assert isinstance(price.pop("as_of"), date)
    for name, section in price.items():
        assert section["source"].startswith("https://aws.amazon.com/"), name
        # A page without a date is noted as undated.
        assert all("20" in each or "undated" in each for each in section["confirmed_by"]), name
        assert section["confirmed_by"] or "assumed" in section, name


def test_an_order_is_written_to_the_table_and_to_its_index() -> None:
    write = aws_prices()["dynamodb"]["per_million_write_units"]
    assert dollars_per_million(units(Load(sizes=only(sizes(10)))), aws_prices())["DynamoDB writes"] == pytest.approx(
        2 * write
    )
