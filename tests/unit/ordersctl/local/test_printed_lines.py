"""The lines that the local run prints."""

import re
import time
from typing import Any

import pytest

from chalicelib.adapters import order_items
from chalicelib.domain import clock
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
    return [re.sub(r"\+[\d.]+ m?s", "+n", text[8:].replace(ORDER_ID, "ID")) for text in printed]


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

    assert lines_of(stream_record(None, order)) == ["  ID  17850  £30.60  placed +n → published +n"]


def test_a_rejected_order_is_printed_with_its_reasons() -> None:
    order = an_order(status=OrderStatus.REJECTED, violations=(Violation("/items/0", "is odd"),))

    assert lines_of(stream_record(None, order)) == ["  ID  17850  rejected +n → published +n  (/items/0: is odd)"]


def test_later_changes_are_printed_with_their_version() -> None:
    placed = an_order()
    confirmed = an_order(status=OrderStatus.CONFIRMED, **CHANGED)
    noted = an_order(new=new_order(note="ring twice"), **CHANGED)

    assert lines_of(stream_record(placed, confirmed), stream_record(placed, noted), stream_record(noted, ERASED)) == [
        "  ID  17850  confirmed v2 → published +n",
        "  ID  17850  changed v2 → published +n",
        "  ID  erased v3 → published +n",
    ]


CUSTOMERS = ["1", "17850", "auth0|5f7c8ec7c33c6c004bbafe82", "x" * 128]


@pytest.mark.parametrize("customer_id", CUSTOMERS)
@pytest.mark.parametrize("seconds", [0, 5, 3_600])
@pytest.mark.parametrize("price", [5, 123_450, 10**12])
def test_the_line_of_a_placed_order_fits_a_terminal_of_80_columns(customer_id: str, seconds: int, price: int) -> None:
    placed_at = clock.from_seconds(time.time() - seconds)
    order = an_order(new={"items": [line(quantity=1, unit_price=price)]}, customer_id=customer_id, placed_at=placed_at)
    printed: list[str] = []

    PrintedLines(printed.append, lambda: 80).published(stream_record(None, order))

    [text] = printed
    assert len(text) <= 80
    _, order_id, customer, *_ = text.split("  ")
    assert ORDER_ID.startswith(order_id.removesuffix("…"))
    start, _, end = customer.partition("…")
    assert customer_id.startswith(start)
    assert customer_id.endswith(end)


@pytest.mark.parametrize(
    ("columns", "order_id", "customer"),
    [
        (80, f"{ORDER_ID[:12]}…", r"auth0.*….*fe82"),
        (110, f"{ORDER_ID[:12]}…", re.escape(CUSTOMERS[2])),
        (140, ORDER_ID, re.escape(CUSTOMERS[2])),
        (None, ORDER_ID, re.escape(CUSTOMERS[2])),
    ],
)
def test_ids_are_shortened_only_where_a_terminal_has_no_room_for_them(
    columns: int | None, order_id: str, customer: str
) -> None:
    order = an_order(customer_id=CUSTOMERS[2], placed_at=clock.now())
    printed: list[str] = []

    PrintedLines(printed.append, lambda: columns).published(stream_record(None, order))

    _, shown_order_id, shown_customer, *_ = printed[0].split("  ")
    assert shown_order_id == order_id
    assert re.fullmatch(customer, shown_customer)


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
