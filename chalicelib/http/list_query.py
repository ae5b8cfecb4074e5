"""The query of a list of orders: which orders, how many at a time, and where the page starts."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from chalice.app import Request

from chalicelib.application.list_orders import Filters
from chalicelib.domain import clock
from chalicelib.domain.orders import OrderStatus
from chalicelib.http.problems import invalid_parameter
from chalicelib.http.requests import query

MAX_PAGE = 100
MAX_REFERENCE = 64  # characters, as in an order
_DEFAULT_PAGE = 20
_PAGE_SIZE = re.compile(r"[1-9][0-9]{0,2}")
_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9:]{8})(?:\.([0-9]{1,9}))?([Zz]|[+-][0-9]{2}:[0-9]{2})")


class ListQuery(NamedTuple):
    """What a client asks a list for."""

    given: Mapping[str, str]  # the parameters as the client wrote them, for the link to the next page
    filters: Filters
    limit: int

    @property
    def cursor(self) -> str | None:
        return self.given.get("cursor")

    @property
    def cursor_scope(self) -> tuple[str | None, ...]:
        """The filters that a cursor is bound to.

        `reference` is part of it only when used, so that cursors of releases without that filter stay valid.
        """
        filters = (self.given.get(name) for name in ("status", "placed_after", "placed_before"))
        return (*filters, *([] if self.filters.reference is None else [self.filters.reference]))


def read(request: Request) -> ListQuery:
    """The request's query; raises Problem for a parameter that is unknown or invalid."""
    given = query(request, "status", "reference", "placed_after", "placed_before", "limit", "cursor")
    filters = Filters(
        status=_status(given.get("status")),
        reference=_reference(given.get("reference")),
        placed_after=_placed_after(given.get("placed_after")),
        placed_before=_placed_before(given.get("placed_before")),
    )
    return ListQuery(given, filters, _page_size(given.get("limit")))


def _reference(given: str | None) -> str | None:
    if given is None:
        return None
    try:
        given.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        raise invalid_parameter("reference is not readable as UTF-8") from None
    if not 1 <= len(given) <= MAX_REFERENCE:
        raise invalid_parameter(f"reference is 1 to {MAX_REFERENCE} characters")
    return given


def _page_size(given: str | None) -> int:
    if given is None:
        return _DEFAULT_PAGE
    if not _PAGE_SIZE.fullmatch(given) or int(given) > MAX_PAGE:
        raise invalid_parameter(f"limit is 1 to {MAX_PAGE}")
    return int(given)


def _status(given: str | None) -> OrderStatus | None:
    if given is None:
        return None
    try:
        return OrderStatus(given)
    except ValueError:
        raise invalid_parameter(f"status is one of {', '.join(OrderStatus)}") from None


def _placed_after(given: str | None) -> str | None:
    """A time of RFC 3339, as this service writes times, rounded down to a whole millisecond."""
    return _milliseconds("placed_after", given, round_up=False)


def _placed_before(given: str | None) -> str | None:
    """The same, rounded up.

    Orders have times of whole milliseconds, and both bounds are exclusive. So two windows that meet between two
    milliseconds contain each order once.
    """
    return _milliseconds("placed_before", given, round_up=True)


def _milliseconds(name: str, given: str | None, *, round_up: bool) -> str | None:
    if given is None:
        return None
    try:
        if not (parts := _TIME.fullmatch(given)):
            raise ValueError(given)
        second, fraction, zone = parts.groups(default="")
        moment = datetime.fromisoformat(f"{second}.{fraction[:3]:0<3}{zone}".upper())
    except ValueError:
        raise invalid_parameter(f"{name} is a time like 2026-01-31T12:00:00Z (RFC 3339); write + as %2B") from None
    is_between = bool(fraction[3:].strip("0"))
    try:
        return clock.rfc3339(moment + timedelta(milliseconds=1) if round_up and is_between else moment)
    except OverflowError:  # the year in UTC is 0 or 10000
        return "0001-01-01T00:00:00.000Z" if moment.year == 1 else "9999-12-31T23:59:59.999Z"
