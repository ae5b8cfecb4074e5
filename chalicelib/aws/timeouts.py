"""How long a call to AWS may take, how often it is tried, and the deadline of the invocation that it belongs to."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

FOR_THE_RESPONSE_MS = 1_000  # left free between the end of the last call and the end of the invocation
_seconds_left: ContextVar[Callable[[], float]] = ContextVar("seconds_left")


class CallPolicy(NamedTuple):
    """Seconds to connect, seconds to wait for each response, and attempts: at least one."""

    connect_timeout: float
    read_timeout: float
    attempts: int


@contextmanager
def deadline(
    remaining_ms: Callable[[], float], *, at_most_ms: float = math.inf, kept_ms: float = FOR_THE_RESPONSE_MS
) -> Iterator[None]:
    """Let all calls within the block share one deadline: `kept_ms` before the invocation's end, or after `at_most_ms`.

    `remaining_ms` is Lambda's context.get_remaining_time_in_millis. A thread has the deadline only if it runs in a copy
    of this context (contextvars).
    """
    kept_ms += max(0.0, remaining_ms() - at_most_ms)
    token = _seconds_left.set(lambda: (remaining_ms() - kept_ms) / 1_000)
    try:
        yield
    finally:
        _seconds_left.reset(token)


def seconds_left() -> float:
    """The time until the deadline; negative after it, infinite without a deadline."""
    left = _seconds_left.get(None)
    return math.inf if left is None else left()
