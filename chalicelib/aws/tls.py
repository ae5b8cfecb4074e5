"""TLS to AWS: a process trusts the five roots of Amazon's own authorities, and the system's where those do not suffice.

To parse the 120 to 150 authorities of a system takes a quarter of a cold start that accepts an order; five take a
fiftieth. A proxy that inspects traffic, and AWS in China, have certificates of other authorities.
"""

import functools
import ssl
import time
from pathlib import Path

from chalicelib.aws import connection

AMAZON_ROOTS = Path(__file__).with_name("amazon_roots.pem")
_SHORTEST_TIMEOUT = 0.1  # seconds


class Authorities:
    """Whom connections trust. Each list is read once. Safe to share between threads."""

    def __init__(self, roots: Path = AMAZON_ROOTS) -> None:
        self._roots, self._are_enough = roots, True

    def connect(self, host: str, port: int, timeout: float) -> ssl.SSLSocket:
        """A connection to a server whose certificate was verified. Raises OSError."""
        if not self._are_enough:
            return _handshake(self.of_system, host, port, timeout)
        started = time.monotonic()
        try:
            return _handshake(self.amazon, host, port, timeout)
        except ssl.SSLCertVerificationError:
            left = max(timeout - (time.monotonic() - started), _SHORTEST_TIMEOUT)
            connected = _handshake(self.of_system, host, port, left)
            self._are_enough = False
            return connected

    @functools.cached_property
    def amazon(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self._roots))

    @functools.cached_property
    def of_system(self) -> ssl.SSLContext:
        """The machine's authorities, or those of the file SSL_CERT_FILE; and Amazon's, which that file may not have.

        A proxy may inspect the traffic of one service, and not that of another.
        """
        context = ssl.create_default_context()
        context.load_verify_locations(str(self._roots))
        return context


def _handshake(context: ssl.SSLContext, host: str, port: int, timeout: float) -> ssl.SSLSocket:
    plain = connection.connect(host, port, timeout)
    try:
        return context.wrap_socket(plain, server_hostname=connection.name_of(host))
    except BaseException:
        plain.close()
        raise


@functools.cache
def authorities() -> Authorities:
    """The authorities of this process, for all its clients."""
    return Authorities()
