"""Credentials from a container's endpoint, where Lambda has them for a function with SnapStart: not in its environment.

A snapshot lives longer than the credentials of its environment would. The protocol is that of the AWS SDKs reference
guide, "Container credential provider".
"""

import http.client
import ipaddress
import json
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from botocore.exceptions import CredentialRetrievalError

from chalicelib.aws.sigv4 import Credentials

URI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
_TOKEN, _TOKEN_FILE = "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
_RENEWED_BEFORE_SECONDS = 300
_TIMEOUT_SECONDS = 1.0
_MOST_BYTES = 64 * 1024
_HOSTS = [ipaddress.ip_network(each) for each in ("127.0.0.0/8", "::1/128", "169.254.170.2/32", "169.254.170.23/32")]


class ContainerCredentials:
    """Returns the credentials when called, read again minutes before they expire. Safe to share between threads."""

    def __init__(self, environment: Mapping[str, str], now: Callable[[], float] = time.time) -> None:
        self._environment, self._now, self._lock = environment, now, threading.Lock()
        self._found: Credentials | None = None
        self._expires = 0.0

    def __call__(self) -> Credentials:
        """Raises CredentialRetrievalError when there are none that are valid."""
        with self._lock:
            if self._found is None or self._now() > self._expires - _RENEWED_BEFORE_SECONDS:
                self._renew()
            assert self._found is not None  # noqa: S101 - _renew raises otherwise
            return self._found

    def _renew(self) -> None:
        try:
            answer = self._read()
            found = Credentials(answer["AccessKeyId"], answer["SecretAccessKey"], answer["Token"])
            expires = datetime.fromisoformat(answer["Expiration"]).timestamp()
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
            if self._found is None or self._now() >= self._expires:
                message = type(error).__name__
                raise CredentialRetrievalError(provider="container", error_msg=message) from error
            return  # those at hand are valid for some minutes more
        self._found, self._expires = found, expires

    def _read(self) -> dict[str, str]:
        url = urlsplit(self._environment[URI])
        if url.scheme != "http" or not _is_local(url.hostname or ""):
            raise ValueError("the endpoint of credentials is not this container's")
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=_TIMEOUT_SECONDS)
        try:
            path = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
            connection.request("GET", path, headers=self._headers())
            response = connection.getresponse()
            body = response.read(_MOST_BYTES)
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise ValueError(f"the endpoint of credentials answers {response.status}")
        answer: dict[str, str] = json.loads(body)
        return answer

    def _headers(self) -> dict[str, str]:
        if file := self._environment.get(_TOKEN_FILE):
            return {"Authorization": Path(file).read_text().strip()}  # read each time: it is replaced
        token = self._environment.get(_TOKEN)
        return {"Authorization": token} if token else {}


def _is_local(host: str) -> bool:
    """Whether a host is this machine: the endpoint is sent a token, and what it returns is trusted."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in _HOSTS)
