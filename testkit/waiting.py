"""Waiting for an effect of another process, and free ports."""

import socket
import time
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


def eventually(look: Callable[[], _T | None], *, within: float = 20, longest_pause: float = 0.25) -> _T:
    """Call `look` until its result is true, and return the result; AssertionError after `within` seconds.

    What measures the time that it takes gives a shorter `longest_pause` (seconds) between looks.
    """
    started = time.monotonic()
    while not (seen := look()):
        waited = time.monotonic() - started
        assert waited < within, f"not seen within {within} s"
        # The longer it takes, the less does it matter to see it at once: looking costs CPU, which others need.
        time.sleep(min(longest_pause, max(0.01, waited / 10)))
    return seen


def free_port() -> int:
    """A TCP port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
