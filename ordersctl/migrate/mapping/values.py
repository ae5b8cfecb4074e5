"""Single values of the shop's rows as values of an order: money, times, texts. Each raises Refused."""

import re
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.domain import clock
from chalicelib.domain.iso_codes import CURRENCY_EXPONENTS
from ordersctl.migrate.errors import Refused

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ufffe\uffff]+")
_CONTROL_IN_A_NOTE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]+")  # line breaks and tabs are text


def minor_units(value: Any, currency: str, *, rule: str) -> int:
    """Money in minor units of its currency; rule `exact` refuses digits that the currency does not have."""
    if currency not in CURRENCY_EXPONENTS:
        raise Refused(f"the currency {currency!r} is not one of ISO 4217")
    if isinstance(value, bool) or not isinstance(value, Decimal | int | float | str):
        raise Refused("an amount is missing" if value is None else "an amount is not a number")
    try:
        scaled = Decimal(str(value)).scaleb(CURRENCY_EXPONENTS[currency])
        whole = scaled.to_integral_value(rounding=ROUND_HALF_UP)
    except InvalidOperation:
        raise Refused("an amount is not a number") from None
    if not scaled.is_finite() or (whole != scaled and rule == "exact"):
        raise Refused(f"the amount {value} has more digits than {currency} has")
    return int(whole)


def moment(value: Any, zone: ZoneInfo, *, zero_date: str, ambiguous: str) -> str | None:
    """A time as RFC 3339 in UTC: a TIMESTAMP (with a zone), a DATETIME or DATE of `zone`, or seconds since 1970.

    None for NULL, and for a zero date under the rule `none`.
    """
    if value is None:
        return None
    if isinstance(value, int | Decimal | float) and not isinstance(value, bool):
        return clock.from_seconds(float(value))
    if isinstance(value, str):  # what PyMySQL makes of a date that does not exist, such as 0000-00-00
        if zero_date == "none":
            return None
        raise Refused(f"the date {value!r} does not exist")
    if not isinstance(value, date):
        raise Refused("a time is not a date")
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001 - its zone follows
    if value.tzinfo is None:
        value = value.replace(tzinfo=zone, fold=int(ambiguous == "second"))
        if ambiguous == "refuse" and is_ambiguous(value):
            raise Refused(f"the time {value:%Y-%m-%d %H:%M:%S} exists twice in {zone.key}, or not at all")
    try:
        return clock.rfc3339(value)
    except OverflowError:
        raise Refused("a time is out of range") from None


def is_ambiguous(value: datetime) -> bool:
    """Whether a time of a zone exists twice, or not at all, because its clocks were changed."""
    return value.replace(fold=0).utcoffset() != value.replace(fold=1).utcoffset()


def text(value: Any, *, control_characters: str, line_breaks: bool = False) -> str | None:
    """A text without control characters (each run of them is a space) and outer spaces; None for an empty one."""
    if value is None:
        return None
    if isinstance(value, bytes | bytearray):
        raise Refused("a text is binary: CONVERT(… USING utf8mb4) in the SELECT says in which characters it is written")
    found = str(value)
    pattern = _CONTROL_IN_A_NOTE if line_breaks else _CONTROL
    if control_characters == "refuse" and pattern.search(found):
        raise Refused("a text has control characters")
    return pattern.sub(" ", found).strip() or None


def date_as_utc(value: Any) -> Any:
    """A TIMESTAMP, which the session reads in UTC, with its zone."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
