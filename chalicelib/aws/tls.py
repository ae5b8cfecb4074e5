"""TLS to AWS: one context in the process, which trusts the five roots of Amazon's own authorities.

To parse the 120 to 150 authorities of a system takes as many instructions as half an accepted order's cold start. Where
a server is not known to the five roots (a proxy that inspects traffic; AWS in China), the system's authorities decide.
"""

import functools
import socket
import ssl
import time
from pathlib import Path

AMAZON_ROOTS = Path(__file__).with_name("amazon_roots.pem")
_SHORTEST_TIMEOUT = 0.1  # seconds


class _Trust:
    """Which authorities this process has found its servers to be certified by."""

    needs_system = False


def connect(host: str, port: int, timeout: float) -> ssl.SSLSocket:
    """A connection to a server whose certificate was verified. Raises OSError."""
    if _Trust.needs_system:
        return _handshake(system_authorities(), host, port, timeout)
    started = time.monotonic()
    try:
        return _handshake(amazon_authorities(), host, port, timeout)
    except ssl.SSLCertVerificationError:
        left = max(timeout - (time.monotonic() - started), _SHORTEST_TIMEOUT)
        connection = _handshake(system_authorities(), host, port, left)
        _Trust.needs_system = True
        return connection


@functools.cache
def amazon_authorities() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(AMAZON_ROOTS))


@functools.cache
def system_authorities() -> ssl.SSLContext:
    """Those of the machine, or of the file that SSL_CERT_FILE names."""
    return ssl.create_default_context()


def _handshake(context: ssl.SSLContext, host: str, port: int, timeout: float) -> ssl.SSLSocket:
    plain = socket.create_connection((host, port), timeout)
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return context.wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise
