"""Downloading the issuer's key set from an https address.

A caller waits at most DEADLINE seconds, however slow the server is: a thread downloads, and is abandoned after that.
"""

import functools
import http.client
import socket
import ssl
import threading
import time
from contextlib import closing, suppress
from urllib.parse import urlsplit

from chalicelib.aws.tls import authorities

DEADLINE = 2.0  # seconds for all of it: name, connection, handshake, and the answer's last byte
MAX_BYTES = 256 * 1024  # of an answer; a key is about 500 bytes
_OK = 200
_AWS = ".amazonaws.com"  # Cognito's key sets are at cognito-idp.REGION.amazonaws.com


def download(address: str, deadline: float = DEADLINE) -> bytes:
    """What is at the address, within `deadline` seconds. Raises OSError, ValueError.

    An address of AWS is verified by Amazon's own authorities, as chalicelib.aws.tls explains, and by the system's where
    a proxy inspects its traffic.
    """
    ends = time.monotonic() + deadline
    if (urlsplit(address).hostname or "").endswith(_AWS):
        with suppress(ssl.SSLCertVerificationError):
            return _within(address, deadline, authorities().amazon)
        deadline = max(ends - time.monotonic(), 0)
    return _within(address, deadline, trusted_issuers())


def _within(address: str, deadline: float, trusted: ssl.SSLContext) -> bytes:
    thread = _Download(address, deadline, trusted)
    thread.start()
    thread.join(deadline)
    if thread.is_alive():
        thread.give_up()
        raise TimeoutError(f"no whole answer within {deadline:g} s")
    if thread.error:
        raise thread.error
    return thread.content


class _Download(threading.Thread):
    """One GET. No redirect is followed: the address is configured, and an issuer's answer must not lead elsewhere."""

    def __init__(self, address: str, timeout: float, trusted: ssl.SSLContext) -> None:
        super().__init__(name="key-set", daemon=True)
        self._address, self._timeout, self._trusted = address, timeout, trusted
        self._socket: socket.socket | None = None
        self._is_given_up = False
        self.content = b""
        self.error: OSError | ValueError | None = None

    def run(self) -> None:
        try:
            self.content = self._answer()
        except http.client.HTTPException as error:
            self.error = OSError(f"not HTTP: {error!r}")
        except (OSError, ValueError) as error:
            self.error = error

    def _answer(self) -> bytes:
        url = urlsplit(self._address)
        connection = http.client.HTTPSConnection(
            url.hostname or "", url.port, timeout=self._timeout, context=self._trusted
        )
        with closing(connection):
            connection.connect()
            self._socket = connection.sock
            if self._is_given_up:
                raise TimeoutError("connected too late")
            connection.request("GET", (url.path or "/") + (f"?{url.query}" if url.query else ""))
            with connection.getresponse() as response:
                if response.status != _OK:
                    raise OSError(f"the address answered {response.status}")
                content = response.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError(f"more than {MAX_BYTES} bytes")
        return content

    def give_up(self) -> None:
        """End the thread's waiting, which would otherwise begin anew with each byte that drips in."""
        self._is_given_up = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


@functools.cache
def trusted_issuers() -> ssl.SSLContext:
    """The system's certificates, read once: slow work on this machine, so it does not count towards the deadline."""
    return ssl.create_default_context()
