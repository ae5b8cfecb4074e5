"""The one place where errors of AWS's clients and of the network become a Fault."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import logs
from chalicelib.domain.errors import Fault

_SERVER_ERROR = 500


@contextmanager
def faults(service: str, *, writes: bool = False) -> Iterator[None]:
    """Raise Fault, naming the service, in place of an error that its client raises within the block.

    A call that writes may have taken effect although it failed, unless the service refused it at its first attempt.
    """
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        _log_throttling(service, error)
        raise Fault(f"{service}: {code}", may_have_taken_effect=writes and _is_unclear(error)) from error
    except (BotoCoreError, OSError, UnicodeDecodeError) as error:
        # amazon-dax-client does not wrap a socket's errors; botocore does not wrap those of decoding an error's body.
        raise Fault(f"{service}: {type(error).__name__}", may_have_taken_effect=writes) from error


def _log_throttling(service: str, error: ClientError) -> None:
    """Log what DynamoDB throttled and why, as in IndexWriteKeyRangeThroughputExceeded, where the error says it.

    DynamoDB guide, "Diagnosing throttling". The member's name depends on the error (API reference).
    """
    response: Any = error.response
    for each in response.get("ThrottlingReasons") or response.get("throttlingReasons") or ():
        details = {"reason": each.get("reason"), "resource": each.get("resource")}
        logs.log(f"{service}.throttled", level=logging.WARNING, **details)


def _is_unclear(error: ClientError) -> bool:
    metadata: Any = error.response.get("ResponseMetadata", {})
    is_refused = metadata.get("HTTPStatusCode", 0) < _SERVER_ERROR
    return not is_refused or metadata.get("AmbiguousAttempts", 1) > 0  # chalicelib/aws counts these attempts
