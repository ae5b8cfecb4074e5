"""What the order, its messages and its log lines record of the request that they come from."""

from dataclasses import dataclass
from typing import Literal

PlacedBy = Literal["customer", "service"]


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Made once, where a request enters the service."""

    now: str  # RFC 3339; the one time of everything that the request does
    correlation_id: str  # of the request; log lines and events carry it
    traceparent: str | None = None  # the caller's trace (W3C Trace Context), if it sent one
