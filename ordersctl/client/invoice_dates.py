"""When an invoice was made: a local time of the shop, as the RFC 3339 time that an order takes."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from chalicelib.domain.clock import rfc3339

ISO = "%Y-%m-%d %H:%M:%S"


class UnusableDateError(Exception):
    """This is no time at which somebody can have ordered; the message says why."""


@dataclass(frozen=True)
class InvoiceDates:
    """How a file writes its dates: the layout, as strptime has it, and the zone of the shop's clock."""

    time_zone: tzinfo = UTC
    layout: str = ISO

    def rfc3339(self, text: str, *, now: datetime) -> str:
        """Return a date of the file in UTC; UnusableDateError.

        A time that the shop's clock showed twice, when summer time ended, is taken for the first of the two.
        """
        try:
            local = datetime.strptime(text.strip(), self.layout).replace(tzinfo=self.time_zone)
        except ValueError:
            raise UnusableDateError(f"an invoice date that is not written as {self.example}") from None
        try:
            moment = local.astimezone(UTC)
            is_skipped = moment.astimezone(self.time_zone).replace(tzinfo=None) != local.replace(tzinfo=None)
        except OverflowError:  # the first or the last day of the calendar, in another zone
            raise UnusableDateError("an invoice date beyond the calendar") from None
        if is_skipped:
            raise UnusableDateError(f"an invoice date that the clocks of {self.time_zone} skipped")
        if moment > now:
            raise UnusableDateError("an invoice date in the future")
        return rfc3339(moment)

    @property
    def example(self) -> str:
        """Return how a date of this layout looks."""
        return datetime(2010, 12, 31, 23, 59, 58, tzinfo=UTC).strftime(self.layout)


UTC_DATES = InvoiceDates()


def is_layout(text: str) -> bool:
    """Return whether a layout can be read back and names year, month and day."""
    moment = datetime(2009, 12, 31, 23, 59, tzinfo=UTC)
    if re.search(r"%[zZ+]", text):
        return False
    try:
        return datetime.strptime(moment.strftime(text), text).date() == moment.date()  # noqa: DTZ007
    except ValueError:
        return False
