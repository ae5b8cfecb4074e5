"""How long a call to AWS may take, and how often it is tried."""

from typing import NamedTuple


class CallPolicy(NamedTuple):
    """Seconds to connect, seconds to wait for each response, and attempts: at least one."""

    connect_timeout: float
    read_timeout: float
    attempts: int
