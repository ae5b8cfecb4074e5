"""Which failures are tried again, and after how long: as botocore's standard mode has it.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
"""

import random
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

FIRST_BACKOFF_SECONDS = 0.1  # doubled at each attempt
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
_STATUSES = {429, *range(500, 600)}


def is_retryable(error: ClientError | EndpointConnectionError | ReadTimeoutError) -> bool:
    """Whether the same call may succeed if it is made again."""
    if not isinstance(error, ClientError):
        return True
    response: Any = error.response
    return response["Error"]["Code"] in _CODES or response["ResponseMetadata"]["HTTPStatusCode"] in _STATUSES


def pause_seconds(attempt: int) -> float:
    """The wait after a failed attempt, counted from 1: longer each time, and random, so that callers spread out."""
    return random.random() * FIRST_BACKOFF_SECONDS * 2.0**attempt  # noqa: S311 - jitter, no secret
