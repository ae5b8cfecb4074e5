"""The thin client: calls the AWS services that use a JSON protocol, and has only what the order's path needs.

It has the methods of botocore's clients (`client.put_item(TableName=…)`) and raises their errors, so that an adapter
works with either. What it saves and leaves out: docs/adr/0009-a-small-client-where-orders-wait.md.
"""

import functools
import json
import re
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from chalicelib.aws import connection, retries, timeouts
from chalicelib.aws.connection import Connection, Response
from chalicelib.aws.sigv4 import Credentials, sign
from chalicelib.aws.timeouts import CallPolicy

# service -> the prefix of its operations' names (X-Amz-Target), and the version of the JSON protocol
PROTOCOLS = {
    "dynamodb": ("DynamoDB_20120810", "1.0"),
    "events": ("AWSEvents", "1.1"),
    "secretsmanager": ("secretsmanager", "1.1"),
    "sqs": ("AmazonSQS", "1.0"),
}
_OK = 200
_SERVER_ERROR = 500
# Seconds after which an idle connection is not used again. NAT gateways and VPC endpoints drop a connection silently
# when it was idle for 350 s: a request sent on it then stalls until the read timeout
# (https://aws.amazon.com/blogs/networking-and-content-delivery/implementing-long-running-tcp-connections-within-vpc-networking/).
# 60 s is the AWS SDK for Java's default.
MAX_IDLE_SECONDS = 60.0
_SHORTEST_TIMEOUT = 0.1  # seconds; to a socket 0 would mean not to wait at all
_HTTP_PORT, _HTTPS_PORT = 80, 443
_LINE_BREAK = re.compile(r"[\r\n]")


class _IdleConnectionBroken(Exception):
    """The service had closed an idle connection, before or after it read the request."""


class JsonClient:
    """Operations are methods, named as botocore names them. Safe to share between threads."""

    def __init__(
        self,
        service: str,
        *,
        region: str,
        endpoint_url: str,
        credentials: Callable[[], Credentials],
        policy: CallPolicy,
    ) -> None:
        self.service, self.region, self.endpoint_url = service, region, endpoint_url
        self._credentials, self._policy, self._quota = credentials, policy, retries.RetryQuota()
        url = urlsplit(endpoint_url)
        self._host, self._connect = url.netloc, _connector(url.scheme, url.hostname or "", url.port)
        # Each with the time at which it became idle, by the wall clock: Lambda's other clocks may stop between
        # two invocations.
        self._idle: list[tuple[Connection, float]] = []
        weakref.finalize(self, _close_all, self._idle)

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        if name.startswith("_"):
            raise AttributeError(name)
        return functools.partial(self._call, name.title().replace("_", ""))

    def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """One operation, tried again after a temporary failure. Raises ClientError, BotoCoreError.

        A ClientError's ResponseMetadata has `AmbiguousAttempts`: how many earlier attempts of this call may have taken
        effect, because their response did not come or was a 5xx.
        """
        body = self.encode(operation, parameters)
        attempt, taken, ambiguous = 1, 0, 0
        while True:
            try:
                answer = self.send(operation, body)
            except _IdleConnectionBroken:
                ambiguous += 1
                continue  # this does not count as an attempt: with keep-alive it also happens when nothing is wrong
            except retries.CALL_ERRORS as error:
                status = _note_ambiguous(error, ambiguous)
                pause = retries.pause_seconds(attempt)  # no service says when it will have recovered
                if attempt == self._policy.attempts or not retries.is_retryable(error):
                    raise
                if timeouts.seconds_left() <= pause or not (taken := self._quota.take(error)):
                    raise
                ambiguous += retries.is_ambiguous(error, status)
                attempt += 1
                time.sleep(pause)
            else:
                self._quota.give_back(taken)
                return answer

    def send(self, operation: str, body: bytes) -> dict[str, Any]:
        """One attempt. Raises ClientError, BotoCoreError."""
        headers = {
            **self.headers(operation),
            "host": self._host,
            "x-amz-date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
        }
        headers |= {"authorization": sign(headers, body, self.service, self.region, self._credentials())}
        response = self._exchange(_request(headers, body))
        status = response.status
        try:
            document = self.decode(response.content)
        except ValueError:  # not the service's document: a proxy or load balancer replied
            status, document = _SERVER_ERROR if status == _OK else status, {}
        if status == _OK:
            return document
        raise _client_error(operation, status, response.error_name, document)

    def headers(self, operation: str) -> dict[str, str]:
        """The headers that name the operation and the body's format."""
        target, version = PROTOCOLS[self.service]
        return {"content-type": f"application/x-amz-json-{version}", "x-amz-target": f"{target}.{operation}"}

    def encode(self, _operation: str, parameters: Mapping[str, Any]) -> bytes:
        return json.dumps(parameters).encode()

    def decode(self, content: bytes) -> dict[str, Any]:
        """The parameters of a response; of an error's, `__type` and `message`. Raises ValueError."""
        document = json.loads(content)
        if not isinstance(document, dict):
            raise ValueError("not an object")  # noqa: TRY004 - of the same kind as what json raises
        return document

    def _exchange(self, request: bytes) -> Response:
        if timeouts.seconds_left() <= 0:
            raise retries.DeadlineExceededError(endpoint_url=self.endpoint_url)
        found = self._idle_connection()
        connected = found or self._new_connection()
        try:
            response = connected.exchange(request, _within_deadline(self._policy.read_timeout))
        except OSError as error:
            connected.close()
            _close_all(self._idle)  # the other idle connections may be broken for the same reason
            if isinstance(error, TimeoutError):
                raise ReadTimeoutError(endpoint_url=self.endpoint_url, error=error) from error
            if found is None:
                raise ConnectionClosedError(endpoint_url=self.endpoint_url, error=error) from error
            raise _IdleConnectionBroken from error
        if response.is_last:
            connected.close()
        else:
            self._idle.append((connected, time.time()))
        return response

    def _idle_connection(self) -> Connection | None:
        """The connection that was used last; None if there is none, or it is not to be used again."""
        try:
            idle, since = self._idle.pop()
        except IndexError:
            return None
        # a negative age means that the clock was set, and the true age is unknown
        if 0 <= time.time() - since < MAX_IDLE_SECONDS and idle.is_quiet():
            return idle
        idle.close()
        _close_all(self._idle)  # the other idle connections are older, or may have ended too
        return None

    def _new_connection(self) -> Connection:
        try:
            return self._connect(_within_deadline(self._policy.connect_timeout))
        except TimeoutError as error:
            raise ConnectTimeoutError(endpoint_url=self.endpoint_url, error=error) from error
        except OSError as error:
            raise EndpointConnectionError(endpoint_url=self.endpoint_url, error=error) from error


def _within_deadline(timeout: float) -> float:
    return min(timeout, max(timeouts.seconds_left(), _SHORTEST_TIMEOUT))


def _note_ambiguous(error: Exception, attempts: int) -> int:
    """Write the number of ambiguous attempts into a ClientError; returns its HTTP status, 0 for any other error."""
    if not isinstance(error, ClientError):
        return 0
    metadata: Any = error.response.setdefault("ResponseMetadata", {})  # type: ignore[typeddict-item]
    metadata[retries.AMBIGUOUS_ATTEMPTS] = attempts
    return int(metadata.get("HTTPStatusCode", 0))


def _client_error(operation: str, status: int, error_name: str, document: dict[str, Any]) -> ClientError:
    """The error as botocore raises it, with all members of the service's document (DynamoDB's `Item`)."""
    # As in "com.amazonaws.sqs#QueueDoesNotExist:http://…".
    type_name = str(document.get("__type", status)).rpartition("#")[2].partition(":")[0]
    code = error_name.partition(";")[0] or type_name
    message = document.get("message") or document.get("Message") or ""
    response: Any = {"ResponseMetadata": {"HTTPStatusCode": status}, **document}
    return ClientError(response | {"Error": {"Code": code, "Message": message}}, operation)


def _request(headers: Mapping[str, str], body: bytes) -> bytes:
    """Head and body together: one write, one TLS record, and one packet where they fit into it."""
    values = "".join(headers.values())
    if _LINE_BREAK.search(values):
        raise ValueError("a header's value has a line break")
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    return (
        f"POST / HTTP/1.1\r\n{lines}accept-encoding: identity\r\ncontent-length: {len(body)}\r\n\r\n".encode("latin-1")
        + body
    )


def _close_all(connections: list[tuple[Connection, float]]) -> None:
    while connections:
        connections.pop()[0].close()


def _connector(scheme: str, host: str, port: int | None) -> Callable[[float], Connection]:
    if scheme == "https":
        from chalicelib.aws import tls  # noqa: PLC0415 - not needed for the embedded engine

        return lambda timeout: Connection(tls.authorities().connect(host, port or _HTTPS_PORT, timeout))

    return lambda timeout: Connection(connection.connect(host, port or _HTTP_PORT, timeout))
