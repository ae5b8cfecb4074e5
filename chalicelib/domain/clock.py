"""Times as this service writes them: RFC 3339, UTC, milliseconds. As text they sort in the order of time."""

import re
import time
from datetime import UTC, datetime

# Section 5.6: the letters may be lower case.
RFC_3339_PATTERN = "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$"
_RFC_3339 = re.compile(RFC_3339_PATTERN)


def now() -> str:
    return rfc3339(datetime.now(UTC))


def rfc3339(moment: datetime) -> str:
    """Write a moment that has a time zone; raises OverflowError when its year in UTC is not 1 to 9999."""
    # Not strftime: its %Y has fewer than four digits before the year 1000, and these times are compared as text.
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def read(text: str) -> datetime:
    """Read a time of RFC 3339; raises ValueError for any other text."""
    if not _RFC_3339.fullmatch(text):
        raise ValueError("not a time of RFC 3339")
    return datetime.fromisoformat(text.upper())


def from_seconds(seconds: float) -> str:
    """Write a moment given in seconds since 1970 (Unix time)."""
    return rfc3339(datetime.fromtimestamp(seconds, UTC))


def to_seconds(moment: str) -> float:
    """Read a moment in RFC 3339 as seconds since 1970; UTC where it names no zone. Raises ValueError, OverflowError."""
    parsed = datetime.fromisoformat(moment)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def milliseconds_since(moment: str) -> int:
    """The age of a moment in RFC 3339; 0 for the future and for any other text: a metric must not stop an order."""
    try:
        return max(0, round((time.time() - to_seconds(moment)) * 1000))
    except (ValueError, OverflowError):
        return 0
