"""The thin client: calls the AWS services that speak JSON, and does no more than the order's path needs.

It is called as botocore's clients are (`client.put_item(TableName=…)`) and raises what they raise, so that an adapter
works with either. What it saves, and what it leaves out: docs/adr/0009-a-small-client-where-orders-wait.md.
"""

import functools
import http.client
import json
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from chalicelib.aws.retries import is_retryable, pause_seconds
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
        self._credentials, self._attempts = credentials, policy.attempts
        url = urlsplit(endpoint_url)
        self._host, self._connect = url.netloc, _connector(url.scheme, url.hostname or "", url.port, policy)
        self._idle: list[http.client.HTTPConnection] = []
        weakref.finalize(self, _close_all, self._idle)

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        if name.startswith("_"):
            raise AttributeError(name)
        return functools.partial(self._call, name.title().replace("_", ""))

    def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """One operation, tried again after a failure that may pass. Raises ClientError, BotoCoreError."""
        body = self.encode(operation, parameters)
        for attempt in range(1, self._attempts + 1):
            try:
                return self.send(operation, body)
            except (ClientError, EndpointConnectionError, ReadTimeoutError) as error:
                if attempt == self._attempts or not is_retryable(error):
                    raise
                time.sleep(pause_seconds(attempt))  # no service says when it will have recovered
        raise AssertionError("there is at least one attempt")

    def send(self, operation: str, body: bytes) -> dict[str, Any]:
        """One attempt. Raises ClientError, BotoCoreError."""
        headers = {
            **self.headers(operation),
            "host": self._host,
            "x-amz-date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
        }
        headers |= {"authorization": sign(headers, body, self.service, self.region, self._credentials())}
        status, error_name, content = self._exchange(body, headers)
        try:
            document = self.decode(content)
        except ValueError:  # not the service's document: a proxy or load balancer replied
            status, document = _SERVER_ERROR if status == _OK else status, {}
        if status == _OK:
            return document
        raise _client_error(operation, status, error_name, document)

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

    def _exchange(self, body: bytes, headers: dict[str, str]) -> tuple[int, str, bytes]:
        """Status, SQS's header with the error's name, and body of the response."""
        while True:
            connection, is_new = self._connection()
            try:
                connection.request("POST", "/", body, headers)
                response = connection.getresponse()
                content = response.read()
            except TimeoutError as error:
                connection.close()
                _close_all(self._idle)  # they may be dead for the same reason
                raise ReadTimeoutError(endpoint_url=self.endpoint_url, error=error) from error
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if is_new:
                    raise EndpointConnectionError(endpoint_url=self.endpoint_url, error=error) from error
                continue  # the service had closed an idle connection: that is no failure
            if not response.will_close:
                self._idle.append(connection)
            return response.status, response.headers.get("x-amzn-query-error", ""), content

    def _connection(self) -> tuple[http.client.HTTPConnection, bool]:
        """A connection, and whether it is a new one."""
        try:
            return self._idle.pop(), False
        except IndexError:
            pass
        try:
            return self._connect(), True
        except OSError as error:
            raise EndpointConnectionError(endpoint_url=self.endpoint_url, error=error) from error


def _client_error(operation: str, status: int, error_name: str, document: dict[str, Any]) -> ClientError:
    """The error as botocore raises it, with all members of the service's document (DynamoDB's `Item`)."""
    # As in "com.amazonaws.sqs#QueueDoesNotExist:http://…".
    type_name = str(document.get("__type", status)).rpartition("#")[2].partition(":")[0]
    code = error_name.partition(";")[0] or type_name
    message = document.get("message") or document.get("Message") or ""
    response: Any = {"ResponseMetadata": {"HTTPStatusCode": status}, **document}
    return ClientError(response | {"Error": {"Code": code, "Message": message}}, operation)


def _close_all(connections: list[http.client.HTTPConnection]) -> None:
    while connections:
        connections.pop().close()


def _connector(
    scheme: str, host: str, port: int | None, policy: CallPolicy
) -> Callable[[], http.client.HTTPConnection]:
    connection_class: Callable[..., http.client.HTTPConnection] = http.client.HTTPConnection
    if scheme == "https":
        import ssl  # noqa: PLC0415 - not needed for the embedded engine

        # One context for all connections: loading the certificate authorities is slow.
        connection_class = functools.partial(http.client.HTTPSConnection, context=ssl.create_default_context())

    def connect() -> http.client.HTTPConnection:
        connection = connection_class(host, port, timeout=policy.connect_timeout)
        connection.connect()
        connection.sock.settimeout(policy.read_timeout)
        return connection

    return connect
