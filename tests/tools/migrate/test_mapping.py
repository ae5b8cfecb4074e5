"""The mapping file: every mistake is named with its place; values are read by rule."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ordersctl.migrate.errors import MappingError, Refused
from ordersctl.migrate.mapping import document, sql, values
from ordersctl.migrate.mapping.rows import Mapper
from testkit import builders
from tests.tools.migrate.shop import SAMPLES

CLASSIC = (SAMPLES / "classic.toml").read_text()
LONDON = ZoneInfo("Europe/London")


def mistakes(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "shop.toml"
    path.write_text(text)
    with pytest.raises(MappingError) as raised:
        document.read(path)
    return [line.removeprefix(f"{path}:") for line in raised.value.message.splitlines()]


@pytest.mark.parametrize("sample", sorted(path.name for path in SAMPLES.glob("*.toml")))
def test_the_samples_are_right(sample: str) -> None:
    assert document.read(SAMPLES / sample).keys_select


def line_of(text: str) -> int:
    return next(number for number, line in enumerate(CLASSIC.splitlines(), 1) if line.startswith(text))


@pytest.mark.parametrize(
    ("right", "wrong", "place", "said"),
    [
        ('name = "classic"', 'name = "My Shop"', "name", "should be 1 to 32 of a-z"),
        ('time_zone = "Europe/London"', 'time_zone = "London"', "time_zone", "should be a time zone"),
        ('orders = "orderNumber"', "orders = 1", "orders = ", "should be a column"),
        ('"On Hold" = "placed"', '"On Hold" = "waiting"', '"On Hold"', "should be one of placed, confirmed"),
        ('UK = "GB"', 'UK = "UK"', "UK", "should be a country code"),
        ("IN :keys", "IN (1)", "select", "should use :keys"),
        ("LIMIT :limit", "LIMIT :most", "select", "should use :limit"),
        ("LIMIT :limit", "LIMIT :limit; DROP TABLE orders", "select", "should be one SELECT that only reads"),
        ("[country]", '[rules]\nmony = "exact"\n[country]', "mony", "there is no such setting"),
        ("[lines]", "[line]", "[line]", "is not a section"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, right: str, wrong: str, place: str, said: str) -> None:
    text = CLASSIC.replace(right, wrong)
    found = next(each for each in mistakes(tmp_path, text) if said in each)
    number = int(found.partition(":")[0])
    assert text.splitlines()[number - 1].startswith((place, "[")), found


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    assert len(mistakes(tmp_path, CLASSIC.replace('"classic"', '""').replace("GB", "UK"))) == 3


def test_colons_in_quotes_and_comments_are_no_placeholders() -> None:
    text = "SELECT ':no', DATE_FORMAT(d, '%H:%i') -- :neither\n FROM t WHERE a IN :keys AND b = 'it''s :not'"
    assert sql.placeholders(text) == ["keys"]
    assert sql.for_pymysql(text).endswith("IN %(keys)s AND b = 'it''s :not'")
    assert "'%%H:%%i'" in sql.for_pymysql(text)


@pytest.mark.parametrize(
    ("value", "currency", "rule", "expected"),
    [
        (Decimal("12.3400"), "GBP", "exact", 1234),
        ("12.345", "GBP", "round", 1235),
        (7, "JPY", "exact", 7),
        (Decimal("1.234"), "KWD", "exact", 1234),
        (Decimal("-0.5"), "GBP", "exact", -50),
    ],
)
def test_money_is_minor_units(value: Any, currency: str, rule: str, expected: int) -> None:
    assert values.minor_units(value, currency, rule=rule) == expected


@pytest.mark.parametrize("value", [Decimal("12.345"), "twelve", None, True, float("nan"), b"1"])
def test_money_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(Refused):
        values.minor_units(value, "GBP", rule="exact")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (date(2026, 7, 1), "2026-06-30T23:00:00.000Z"),
        (datetime(2026, 1, 1, 12, 0, 0, 123_456), "2026-01-01T12:00:00.123Z"),  # noqa: DTZ001
        (datetime(2026, 7, 1, 12, tzinfo=UTC), "2026-07-01T12:00:00.000Z"),
        (0, "1970-01-01T00:00:00.000Z"),
        (None, None),
    ],
)
def test_times_are_utc(value: Any, expected: str | None) -> None:
    assert values.moment(value, LONDON, zero_date="refuse", ambiguous="first") == expected


@pytest.mark.parametrize(
    ("rule", "expected"), [("first", "2003-10-26T00:30:00.000Z"), ("second", "2003-10-26T01:30:00.000Z")]
)
def test_a_time_that_exists_twice_is_decided_by_rule(rule: str, expected: str) -> None:
    twice = datetime(2003, 10, 26, 1, 30)  # noqa: DTZ001 - as a DATETIME is
    assert values.moment(twice, LONDON, zero_date="refuse", ambiguous=rule) == expected
    with pytest.raises(Refused, match="exists twice"):
        values.moment(twice, LONDON, zero_date="refuse", ambiguous="refuse")


def test_a_zero_date_is_refused_or_none() -> None:
    assert values.moment("0000-00-00", LONDON, zero_date="none", ambiguous="first") is None
    with pytest.raises(Refused, match="does not exist"):
        values.moment("0000-00-00", LONDON, zero_date="refuse", ambiguous="first")


def row(**changes: Any) -> dict[str, Any]:
    found = {
        "orderNumber": 1,
        "customer_id": 103,
        "placed_at": date(2003, 1, 6),
        "status": "Shipped",
        "currency": "USD",
    }
    return found | changes


LINE = {
    "orderNumber": 1,
    "sku": "S10",
    "name": "Harley\t1969",
    "quantity": Decimal("2.00"),
    "unit_price": Decimal("1.50"),
}


def mapper(tmp_path: Path, rules: str = "") -> Mapper:
    path = tmp_path / "shop.toml"
    path.write_text(f"{CLASSIC}\n[rules]\n{rules}\n")
    return Mapper(document.read(path), builders.SECRET)


def test_a_control_character_becomes_a_space_and_a_decimal_quantity_a_number(tmp_path: Path) -> None:
    (line,) = mapper(tmp_path).order(row(), [LINE]).items
    assert (line.name, line.quantity, line.unit_price) == ("Harley 1969", 2, 150)


def test_the_id_of_an_order_is_of_its_number_and_stays_when_its_customer_changes(tmp_path: Path) -> None:
    made = mapper(tmp_path)
    one, other = made.order(row(), [LINE]), made.order(row(customer_id=112), [LINE])
    assert one.order_id == other.order_id == made.order_id(1) != made.order_id(2)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": "Lost"}, "no line in \\[status\\]"),
        ({"customer_id": None}, "customer_id cannot be one"),
        ({"customer_id": "103\n"}, "customer_id cannot be one"),
        ({"ship_city": "Atlantis", "ship_country": "Atlantis"}, "the country 'Atlantis' has no line"),
        ({"placed_at": None}, "no placed_at"),
        ({"currency": "XXX"}, "not one of ISO 4217"),
        ({"total": Decimal("3.01")}, "its total is 301 in minor units, and its parts make 300"),
        ({"reference": "x" * 65}, "/reference"),
        ({"note": b"\xff"}, "a text is binary"),
    ],
)
def test_an_order_that_cannot_be_one_is_refused_with_its_reason(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(Refused, match=said):
        mapper(tmp_path).order(row(**changes), [LINE])


def test_a_text_that_is_too_long_is_cut_by_rule(tmp_path: Path) -> None:
    made = mapper(tmp_path, 'too_long = "cut"')
    assert made.order(row(reference="x" * 65), [LINE]).reference == "x" * 64


def test_an_address_without_street_and_city_is_none(tmp_path: Path) -> None:
    order = mapper(tmp_path).order(row(ship_name="Ann Lee", ship_city="", ship_country="UK"), [LINE])
    assert order.shipping_address is None
