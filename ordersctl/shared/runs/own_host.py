"""The names of this machine in a request's header Host, for servers that listen on 127.0.0.1.

Another name that leads to 127.0.0.1 is how a foreign page would reach such a server as its own (DNS rebinding).
"""

import re

NAMES = ("127.0.0.1", "localhost", "[::1]")
_WITH_PORT = re.compile(rf"(?:{'|'.join(map(re.escape, NAMES))})(?::[0-9]+)?")


def is_own(host: str) -> bool:
    """Return whether a header Host names this machine, with any port: ports are forwarded, names are not."""
    return _WITH_PORT.fullmatch(host.lower()) is not None
