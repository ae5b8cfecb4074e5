"""Times as text: one format, which sorts in the order of time."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain import clock

MOMENTS = st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(microsecond=0))


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 31, 12, tzinfo=UTC), "2026-01-31T12:00:00.000Z"),
        (datetime(2026, 1, 31, 12, microsecond=999_999, tzinfo=UTC), "2026-01-31T12:00:00.999Z"),
        (datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=5, minutes=30))), "2026-01-31T06:30:00.000Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000Z"),
    ],
)
def test_a_time_is_utc_with_milliseconds(moment: datetime, text: str) -> None:
    assert clock.rfc3339(moment) == text


@pytest.fixture
def kolkata(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine in a time zone of its own, as a laptop's is; Lambda's is UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("kolkata")
def test_a_time_is_utc_whatever_the_machines_zone() -> None:
    assert clock.rfc3339(datetime(2026, 1, 31, 12, tzinfo=UTC)) == "2026-01-31T12:00:00.000Z"
    assert clock.from_seconds(60) == "1970-01-01T00:01:00.000Z"
    assert clock.to_seconds("1970-01-01T00:01:00") == 60
    assert abs(clock.to_seconds(clock.now()) - time.time()) < 60


def test_an_age_is_in_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 61.5)
    assert clock.milliseconds_since("1970-01-01T00:01:00Z") == 1_500


def test_any_other_text_is_no_time() -> None:
    with pytest.raises(ValueError, match=r"^not a time of RFC 3339$"):
        clock.read("2026-01-31 12:00:00")


@given(one=MOMENTS, other=MOMENTS)
def test_times_sort_as_text(one: datetime, other: datetime) -> None:
    assert (clock.rfc3339(one) < clock.rfc3339(other)) == (one < other)


@given(moment=MOMENTS.filter(lambda moment: moment.year >= 1970))
def test_seconds_since_1970_are_the_same_time(moment: datetime) -> None:
    assert clock.from_seconds(moment.timestamp()) == clock.rfc3339(moment)
    assert clock.to_seconds(clock.rfc3339(moment)) == moment.timestamp()


@pytest.mark.parametrize("text", ["1970-01-01T00:01:00Z", "1970-01-01T00:01:00", "1970-01-01T05:31:00+05:30"])
def test_a_time_without_a_zone_is_utc(text: str) -> None:
    assert clock.to_seconds(text) == 60


@pytest.mark.parametrize(
    ("moment", "at_least", "at_most"),
    [
        (clock.now(), 0, 10**9),
        ("2026-01-01T00:00:00.000Z", 1, 10**13),
        ("2999-01-01T00:00:00.000Z", 0, 0),
        ("no time", 0, 0),
        ("", 0, 0),
    ],
    ids=["now", "past", "future", "text", "empty"],
)
def test_an_age_is_never_negative_and_never_an_error(moment: str, at_least: int, at_most: int) -> None:
    assert at_least <= clock.milliseconds_since(moment) <= at_most
