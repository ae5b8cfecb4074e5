"""The lines that the local run prints."""

import re
from typing import Any

import pytest

from chalicelib.adapters import order_items
from chalicelib.domain.errors import Violation
from chalicelib.domain.orders import ErasedOrder, OrderStatus
from ordersctl.local.printed_lines import PrintedLines, money
from testkit.builders import LATER, ORDER_ID, an_order, line, new_order
from testkit.lambda_events import sqs_event, stream_record

CHANGED = {"version": 2, "updated_at": LATER}
ERASED = ErasedOrder(order_id=ORDER_ID, version=3, updated_at=LATER, correlation_id="r")


def lines_of(*records: dict[str, Any]) -> list[str]:
    """The lines that are printed for stream records, without clock and durations."""
    printed: list[str] = []
    printed_lines = PrintedLines(printed.append)
    for record in records:
        printed_lines.read(record)
        printed_lines.published(record)
    return [re.sub(r"\+[\d.]+ m?s", "+n", text[12:].replace(ORDER_ID[:12], "ID")) for text in printed]


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (13912, "GBP", "£139.12"),
        (5, "EUR", "€0.05"),
        (123456789, "USD", "$1,234,567.89"),
        (500, "JPY", "¥500"),
        (1234, "BHD", "BHD 1.234"),
        (0, "CHF", "CHF 0.00"),
        (7, None, "7"),
        (7, "???", "7"),
    ],
)
def test_minor_units_are_written_as_their_currency_has_them(amount: int, currency: str | None, text: str) -> None:
    assert money(amount, currency) == text


def test_a_placed_order_is_printed_with_the_time_of_each_hop() -> None:
    order = an_order(new=new_order(items=[line(), line()]))

    assert lines_of(stream_record(None, order)) == [
        "  ID…  customer 17850  £30.60  2 lines  accepted → placed +n → published +n"
    ]


def test_a_rejected_order_is_printed_with_its_reasons() -> None:
    order = an_order(status=OrderStatus.REJECTED, violations=(Violation("/items/0", "is odd"),))

    assert lines_of(stream_record(None, order)) == [
        "  ID…  customer 17850  accepted → rejected +n → published +n  (/items/0: is odd)"
    ]


def test_later_changes_are_printed_with_their_version() -> None:
    placed = an_order()
    confirmed = an_order(status=OrderStatus.CONFIRMED, **CHANGED)
    noted = an_order(new=new_order(note="ring twice"), **CHANGED)

    assert lines_of(stream_record(placed, confirmed), stream_record(placed, noted), stream_record(noted, ERASED)) == [
        "  ID…  customer 17850  confirmed v2 → published +n",
        "  ID…  customer 17850  changed v2 → published +n",
        "  ID…  erased v3 → published +n",
    ]


def test_a_record_that_makes_no_event_is_not_printed() -> None:
    order = an_order()

    assert lines_of(stream_record(order, order), stream_record(order, None)) == []


def test_a_record_that_is_not_an_order_is_reported_as_quarantined() -> None:
    record = stream_record(None, an_order())
    del record["dynamodb"]["NewImage"]["version"]

    [printed] = lines_of(record)

    assert "a record that is not an order went to the dead-letter queue" in printed


@pytest.mark.parametrize("body", ["", "[]", "{}", "null", "{", "1"])
def test_a_message_that_is_not_a_command_is_skipped(body: str) -> None:
    printed: list[str] = []

    PrintedLines(printed.append).processed(sqs_event(body)["Records"][0])

    assert printed == []


@pytest.mark.parametrize("body", ["[" * 20_000, "", "nonsense", '{"order_id": 7}', "\x00"], ids=lambda each: each[:9])
def test_no_message_stops_the_lines(body: str) -> None:
    PrintedLines(print).processed({"body": body})


@pytest.mark.parametrize("placed_at", ["nonsense", "", "9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00.000Z"])
def test_no_stored_order_stops_the_lines(placed_at: str) -> None:
    said: list[str] = []
    image = order_items.to_item(an_order().model_copy(update={"placed_at": placed_at, "updated_at": placed_at}))
    PrintedLines(said.append).published({"eventName": "INSERT", "dynamodb": {"NewImage": image}})
    assert len(said) == 1
