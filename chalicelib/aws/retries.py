"""Which failed calls are tried again, after how long a pause, and how many retries all calls may make together.

The rules are those of botocore's standard mode; in addition, a 429 and any 5xx without a known code are retried.
https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
"""

import random
import threading
from collections.abc import Callable
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from chalicelib.aws.timeouts import CallPolicy

CallError = ClientError | ConnectTimeoutError | EndpointConnectionError | ConnectionClosedError | ReadTimeoutError
CALL_ERRORS = (ClientError, ConnectTimeoutError, EndpointConnectionError, ConnectionClosedError, ReadTimeoutError)
AMBIGUOUS_ATTEMPTS = "AmbiguousAttempts"  # in an error's ResponseMetadata
# The pause before the first retry, doubled before each further one. botocore's (retries.standard.ExponentialBackoff)
# is 1 s: too long here, where a caller or a batch waits.
_LONGEST_FIRST_PAUSE_SECONDS = 0.2
_CODES = {
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
_SERVER_ERROR = 500
_STATUSES = {429, *range(_SERVER_ERROR, 600)}


class DeadlineExceededError(BotoCoreError):
    """The invocation has no time left for an attempt; nothing was sent."""

    fmt = 'No time left to call endpoint URL: "{endpoint_url}"'


class RetryQuota:
    """Bounds the retries of all calls of a client together: in a lasting outage most calls are tried once.

    A retry takes from the quota, and a success gives back (botocore.retries.quota). Safe to share between threads.
    """

    CAPACITY = 500
    _RETRY = 5
    _RETRY_AFTER_TIMEOUT = 10
    _SUCCESS_AT_ONCE = 1

    def __init__(self) -> None:
        self._available = self.CAPACITY
        self._lock = threading.Lock()

    def take(self, error: CallError) -> int:
        """Take what a retry after this error costs; returns the amount, 0 when there is too little left."""
        amount = self._RETRY_AFTER_TIMEOUT if isinstance(error, _TIMEOUTS) else self._RETRY
        with self._lock:
            if amount > self._available:
                return 0
            self._available -= amount
            return amount

    def give_back(self, taken: int) -> None:
        """After a success, give back what its last retry took, or a little when it needed no retry."""
        if self._available == self.CAPACITY:  # the quota is almost always full, and there is nothing to do
            return
        with self._lock:
            self._available = min(self.CAPACITY, self._available + (taken or self._SUCCESS_AT_ONCE))


_TIMEOUTS = (ConnectTimeoutError, ReadTimeoutError)


def is_retryable(error: Exception) -> bool:
    """Whether the same call may succeed if it is made again."""
    if not isinstance(error, ClientError):
        return True
    response: Any = error.response
    return response["Error"]["Code"] in _CODES or response["ResponseMetadata"]["HTTPStatusCode"] in _STATUSES


def is_ambiguous(error: Exception | None, status: int = 0) -> bool:
    """Whether a failed attempt may have taken effect; `status` is the HTTP status of its response, if there was one."""
    if error is None or isinstance(error, ClientError):
        return status >= _SERVER_ERROR
    return not isinstance(error, ConnectTimeoutError | EndpointConnectionError | DeadlineExceededError)


# The system's: the module's own generator has one state in all environments that Lambda restores from a snapshot.
system_chance = random.SystemRandom().random


def pause_seconds(attempt: int, chance: Callable[[], float] | None = None) -> float:
    """The pause after a failed attempt (the first is 1): longer each time, and random, so that callers spread out.

    `chance` returns a number from 0 to 1; None is the system's.
    """
    return (chance or system_chance)() * _longest_pause(attempt)


def longest_call_seconds(policy: CallPolicy) -> float:
    """The longest that one call takes: each attempt until its timeouts, and each pause at its longest."""
    pauses = sum(_longest_pause(attempt) for attempt in range(1, policy.attempts))
    return policy.attempts * (policy.connect_timeout + policy.read_timeout) + pauses


def _longest_pause(attempt: int) -> float:
    return _LONGEST_FIRST_PAUSE_SECONDS * 2.0 ** (attempt - 1)
