"""Downloading the issuer's key set from an https address.

A caller waits at most DEADLINE seconds, however slow the server is: a thread downloads, and is abandoned after that.
"""

import http.client
import socket
import ssl
import threading
import time
from contextlib import closing, suppress
from urllib.parse import urlsplit

from chalicelib.http.auth import issuer_trust

DEADLINE = 2.0  # seconds for all of it: name, connection, handshake, and the answer's last byte
MAX_BYTES = 256 * 1024  # of an answer; a key is about 500 bytes
_OK = 200
of_others: set[str] = set()  # hosts whose certificates the likely authorities did not issue


def download(address: str, deadline: float = DEADLINE) -> bytes:
    """What is at the address, within `deadline` seconds. Raises OSError, ValueError.

    The certificate is verified by the authorities that have probably issued it, and else by all that the system trusts:
    from then on at once, since two attempts may take longer than the deadline.
    """
    host = urlsplit(address).hostname or ""
    likely = None if host in of_others else issuer_trust.likely(host)
    ends = time.monotonic() + deadline
    if likely is not None:
        try:
            return _within(address, deadline, likely)
        except ssl.SSLCertVerificationError:
            of_others.add(host)
    left = max(ends - time.monotonic(), 0)  # reading authorities is slow work on this machine: it does not count
    return _within(address, left, issuer_trust.of_system())


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
