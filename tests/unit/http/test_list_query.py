"""The query of a list: which filters, page sizes and times it may have, and for what its cursor is valid."""

from urllib.parse import quote

import pytest
from chalice.app import Request
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.http import list_query
from chalicelib.http.list_query import ListQuery
from chalicelib.http.problems import Problem
from testkit.lambda_events import LambdaContext, http_event


def read(**parameters: str | None) -> ListQuery:
    pairs = (f"{name}={quote(value)}" for name, value in parameters.items() if value is not None)
    return list_query.read(Request(http_event("GET", f"/customers/17850/orders?{'&'.join(pairs)}"), LambdaContext()))


def refused(**parameters: str) -> tuple[str, int]:
    with pytest.raises(Problem) as caught:
        read(**parameters)
    (name,) = parameters
    assert caught.value.detail.startswith(f"{name} is ")
    assert len(caught.value.detail) < 300
    return caught.value.slug, caught.value.status


@pytest.mark.parametrize(("given", "size"), [(None, 20), ("1", 1), ("20", 20), ("100", 100)])
def test_a_page_has_one_to_a_hundred_orders(given: str | None, size: int) -> None:
    assert read(limit=given).limit == size


@pytest.mark.parametrize(
    "given", ["", "0", "101", "-1", "+1", "1.0", " 1", "1_0", "٣", "²", "ten", "9" * 5_000, "001000", "0099999"]
)
def test_a_page_of_another_size_is_refused(given: str) -> None:
    assert refused(limit=given) == ("invalid-parameter", 400)


def test_the_refusal_of_a_status_lists_those_that_exist() -> None:
    with pytest.raises(Problem) as caught:
        read(status="lost")
    assert caught.value.detail.startswith("status is one of placed, confirmed, shipped, ")


@pytest.mark.parametrize("given", ["", "accepted", "Placed", "placed ", "placed,shipped", "None"])
def test_an_unknown_status_is_refused(given: str) -> None:
    assert refused(status=given) == ("invalid-parameter", 400)


@pytest.mark.parametrize(
    ("given", "down", "up"),
    [
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000Z", "2026-01-31T12:00:00.000Z"),
        ("2026-01-31T12:00:00.5Z", "2026-01-31T12:00:00.500Z", "2026-01-31T12:00:00.500Z"),
        ("2026-01-31T12:00:00.1235Z", "2026-01-31T12:00:00.123Z", "2026-01-31T12:00:00.124Z"),
        ("2026-01-31T12:00:00.123456789Z", "2026-01-31T12:00:00.123Z", "2026-01-31T12:00:00.124Z"),
        ("2026-01-31T12:00:00.000000001Z", "2026-01-31T12:00:00.000Z", "2026-01-31T12:00:00.001Z"),
        ("2026-01-31T12:00:00.999999Z", "2026-01-31T12:00:00.999Z", "2026-01-31T12:00:01.000Z"),
        ("2026-01-31T12:00:00.123000000Z", "2026-01-31T12:00:00.123Z", "2026-01-31T12:00:00.123Z"),
        ("2026-01-31T12:00:00+05:30", "2026-01-31T06:30:00.000Z", "2026-01-31T06:30:00.000Z"),
        ("2026-01-31t12:00:00z", "2026-01-31T12:00:00.000Z", "2026-01-31T12:00:00.000Z"),  # RFC 3339, section 5.6
        ("2024-02-29T23:59:59-01:00", "2024-03-01T00:59:59.000Z", "2024-03-01T00:59:59.000Z"),
        ("0999-01-01T00:00:00Z", "0999-01-01T00:00:00.000Z", "0999-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000Z", "9999-12-31T23:59:59.000Z"),
        ("9999-12-31T23:59:59.9999Z", "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ("9999-12-31T23:59:59-01:00", "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ("0001-01-01T00:00:00+01:00", "0001-01-01T00:00:00.000Z", "0001-01-01T00:00:00.000Z"),
        (None, None, None),
    ],
)
def test_the_lower_bound_is_rounded_down_and_the_upper_one_up(
    given: str | None, down: str | None, up: str | None
) -> None:
    assert read(placed_after=given).filters.placed_after == down
    assert read(placed_before=given).filters.placed_before == up


@pytest.mark.parametrize(
    "given",
    [
        "",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-01-31 12:00:00Z",
        "20260131T120000Z",
        "2026-W05-6T12:00:00Z",
        "2026-02-30T12:00:00Z",
        "2026-13-01T12:00:00Z",
        "2026-01-31T24:00:01Z",
        "2026-01-31T12:60:00Z",
        "2026-01-31T12:00:61Z",
        "2026-01-31T12.00.00Z",
        "2026-01-31T::::::::Z",
        "2026-01-31T12:00:00.Z",
        "2026-01-31T12:00:00+25:00",
        "2026-01-31T12:00:00Z\n",
        "\N{FULLWIDTH DIGIT TWO}026-01-31T12:00:00Z",
        "0000-01-01T00:00:00Z",
        "1769860800",
        "now",
    ],
)
def test_any_other_time_is_refused(given: str) -> None:
    assert refused(placed_after=given) == refused(placed_before=given) == ("invalid-parameter", 400)


@given(given=st.text(max_size=40))
def test_random_text_is_not_a_time(given: str) -> None:
    assert refused(placed_after=given) == ("invalid-parameter", 400)


def test_a_cursor_is_valid_for_the_filters_as_they_are_written() -> None:
    scope = read(status="placed", placed_after="2026-01-31T12:00:00Z").cursor_scope
    assert scope == ("placed", "2026-01-31T12:00:00Z", None)
    assert read(status="placed", placed_after="2026-01-31T13:00:00+01:00").cursor_scope != scope


def test_a_cursor_of_a_release_without_the_filter_by_reference_stays_valid() -> None:
    assert read(limit="5").cursor_scope == (None, None, None)
    assert read(reference="PO-7").cursor_scope == (None, None, None, "PO-7")


@pytest.mark.parametrize("given", ["x", "é" * 64])
def test_a_reference_has_one_to_64_characters(given: str) -> None:
    assert read(reference=given).filters.reference == given


def test_a_list_continues_at_its_cursor() -> None:
    assert read(cursor="AZx0").cursor == "AZx0"


@pytest.mark.parametrize("given", ["", "x" * 65])
def test_a_reference_of_another_length_is_refused(given: str) -> None:
    assert refused(reference=given) == ("invalid-parameter", 400)


def test_a_reference_that_no_order_can_have_is_refused() -> None:
    event = http_event("GET", "/customers/17850/orders")
    event["multiValueQueryStringParameters"] = {"reference": ["\ud800"]}  # half of a surrogate pair
    with pytest.raises(Problem) as caught:
        list_query.read(Request(event, LambdaContext()))
    assert caught.value.detail == "reference is not readable as UTF-8"
