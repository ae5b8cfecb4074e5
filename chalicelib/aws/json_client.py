"""A client of the AWS services that speak JSON, as small as the way of an order needs it.

It is called as botocore's clients are (`client.put_item(TableName=…)`) and raises what they raise, so an adapter works
with either. What it saves, and what it leaves out: docs/adr/0009-a-small-client-where-orders-wait.md.
"""

import functools
import hashlib
import hmac
import http.client
import json
import random
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from chalicelib.settings import Patience

# service -> what its operations are called by (X-Amz-Target), and the version of the JSON protocol
PROTOCOLS = {
    "dynamodb": ("DynamoDB_20120810", "1.0"),
    "events": ("AWSEvents", "1.1"),
    "secretsmanager": ("secretsmanager", "1.1"),
    "sqs": ("AmazonSQS", "1.0"),
}
# As botocore's standard mode has them: https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
_PASSING = {
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "InternalServerError",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeout",
    "RequestTimeoutException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
}
_FIRST_BACKOFF = 0.1  # seconds, doubled at each attempt, of which a random part is waited
_OK = 200
_SERVER_ERROR = 500
_PASSING_STATUSES = {429, *range(500, 600)}


class Credentials(NamedTuple):
    access_key: str
    secret_key: str
    token: str | None


class JsonClient:
    """Operations are methods, named as botocore names them. Safe to share between threads."""

    def __init__(
        self,
        service: str,
        *,
        region: str,
        endpoint_url: str,
        credentials: Callable[[], Credentials],
        patience: Patience,
    ) -> None:
        self.service, self.region, self.endpoint_url = service, region, endpoint_url
        self._credentials, self._patience = credentials, patience
        url = urlsplit(endpoint_url)
        self._host, self._connect = url.netloc, _connector(url.scheme, url.hostname or "", url.port, patience)
        self._idle: list[http.client.HTTPConnection] = []
        weakref.finalize(self, _close_all, self._idle)

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        if name.startswith("_"):
            raise AttributeError(name)
        return functools.partial(self._call, name.title().replace("_", ""))

    def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """One operation, tried again after a passing failure. Raises ClientError, BotoCoreError."""
        body = self.encoded(operation, parameters)
        for attempt in range(1, self._patience.attempts + 1):
            try:
                return self.send(operation, body)
            except (ClientError, EndpointConnectionError, ReadTimeoutError) as error:
                if attempt == self._patience.attempts or not _is_passing(error):
                    raise
                # Nothing tells when a service has recovered: the wait grows, and chance spreads the callers out.
                time.sleep(random.random() * _FIRST_BACKOFF * 2**attempt)  # noqa: S311 - jitter, no secret
        raise AssertionError("there is at least one attempt")

    def send(self, operation: str, body: bytes) -> dict[str, Any]:
        """One attempt."""
        headers = {
            **self.kind(operation),
            "host": self._host,
            "x-amz-date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
        }
        headers |= {"authorization": sign(headers, body, self.service, self.region, self._credentials())}
        status, refusal, answer = self._exchange(body, headers)
        try:
            document = self.decoded(answer)
        except ValueError:  # whoever answered, it was not the service
            status, document = _SERVER_ERROR if status == _OK else status, {}
        if status == _OK:
            return document
        # As in "com.amazonaws.sqs#QueueDoesNotExist:http://…".
        named = str(document.get("__type", status)).rpartition("#")[2].partition(":")[0]
        code = refusal.partition(";")[0] or named
        message = document.get("message") or document.get("Message") or ""
        details: Any = {"ResponseMetadata": {"HTTPStatusCode": status}, **document}
        raise ClientError(details | {"Error": {"Code": code, "Message": message}}, operation)

    def kind(self, operation: str) -> dict[str, str]:
        """The headers that say what a request is."""
        target, version = PROTOCOLS[self.service]
        return {"content-type": f"application/x-amz-json-{version}", "x-amz-target": f"{target}.{operation}"}

    def encoded(self, _operation: str, parameters: Mapping[str, Any]) -> bytes:
        return json.dumps(parameters).encode()

    def decoded(self, answer: bytes) -> dict[str, Any]:
        """An answer's parameters, and of an error `__type` and `message`. Raises ValueError."""
        document = json.loads(answer)
        if not isinstance(document, dict):
            raise ValueError("not an object")  # noqa: TRY004 - of the same kind as what json raises
        return document

    def _exchange(self, body: bytes, headers: dict[str, str]) -> tuple[int, str, bytes]:
        """Status, SQS's own name of an error, and body."""
        while True:
            connection, is_fresh = self._connection()
            try:
                connection.request("POST", "/", body, headers)
                response = connection.getresponse()
                answer = response.read()
            except TimeoutError as error:
                connection.close()
                _close_all(self._idle)  # whatever silenced this one may have silenced them
                raise ReadTimeoutError(endpoint_url=self.endpoint_url, error=error) from error
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if is_fresh:
                    raise EndpointConnectionError(endpoint_url=self.endpoint_url, error=error) from error
                continue  # the service had closed a connection that was idle: that is no failure
            if not response.will_close:
                self._idle.append(connection)
            return response.status, response.headers.get("x-amzn-query-error", ""), answer

    def _connection(self) -> tuple[http.client.HTTPConnection, bool]:
        """A connection, and whether it is a fresh one."""
        try:
            return self._idle.pop(), False
        except IndexError:
            pass
        try:
            return self._connect(), True
        except OSError as error:
            raise EndpointConnectionError(endpoint_url=self.endpoint_url, error=error) from error


def _close_all(connections: list[http.client.HTTPConnection]) -> None:
    while connections:
        connections.pop().close()


def sign(headers: dict[str, str], body: bytes, service: str, region: str, credentials: Credentials) -> str:
    """The Authorization header of a POST to / with these headers (lower case, in order), to which a token is added.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """
    if credentials.token:
        headers["x-amz-security-token"] = credentials.token
    time_stamp = headers["x-amz-date"]
    names = sorted(headers)
    signed = ";".join(names)
    lines = "".join(f"{name}:{headers[name]}\n" for name in names)
    request = f"POST\n/\n\n{lines}\n{signed}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{time_stamp[:8]}/{region}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{time_stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = _signing_key(credentials.secret_key, time_stamp[:8], region, service)
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    whose = f"Credential={credentials.access_key}/{scope}"
    return f"AWS4-HMAC-SHA256 {whose}, SignedHeaders={signed}, Signature={signature}"


@functools.lru_cache(maxsize=16)
def _signing_key(secret_key: str, *scope: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (*scope, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _connector(
    scheme: str, host: str, port: int | None, patience: Patience
) -> Callable[[], http.client.HTTPConnection]:
    make: Callable[..., http.client.HTTPConnection] = http.client.HTTPConnection
    if scheme == "https":
        import ssl  # noqa: PLC0415 - not needed for the embedded engine

        # One context for all connections: loading the authorities is dear.
        make = functools.partial(http.client.HTTPSConnection, context=ssl.create_default_context())

    def connect() -> http.client.HTTPConnection:
        connection = make(host, port, timeout=patience.connect_timeout)
        connection.connect()
        connection.sock.settimeout(patience.read_timeout)
        return connection

    return connect


def _is_passing(error: ClientError | EndpointConnectionError | ReadTimeoutError) -> bool:
    if not isinstance(error, ClientError):
        return True
    answer: Any = error.response
    return answer["Error"]["Code"] in _PASSING or answer["ResponseMetadata"]["HTTPStatusCode"] in _PASSING_STATUSES
