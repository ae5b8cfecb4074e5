"""The one place where errors of AWS's clients and of the network become a Fault."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

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
        raise Fault(f"{service}: {code}", may_have_taken_effect=writes and _is_unclear(error)) from error
    except (BotoCoreError, OSError, UnicodeDecodeError) as error:
        # amazon-dax-client does not wrap a socket's errors; botocore does not wrap those of decoding an error's body.
        raise Fault(f"{service}: {type(error).__name__}", may_have_taken_effect=writes) from error


def _is_unclear(error: ClientError) -> bool:
    metadata: Any = error.response.get("ResponseMetadata", {})
    is_refused = metadata.get("HTTPStatusCode", 0) < _SERVER_ERROR
    return not is_refused or metadata.get("AmbiguousAttempts", 1) > 0  # chalicelib/aws counts these attempts
