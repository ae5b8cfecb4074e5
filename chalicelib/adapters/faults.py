"""Errors of AWS's clients, and of the network, become a Fault here and nowhere else."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.errors import Fault


@contextmanager
def faults(service: str) -> Iterator[None]:
    """Raise Fault, naming the service, in place of what its client raises within the block."""
    try:
        yield
    except ClientError as error:
        raise Fault(f"{service}: {error.response.get('Error', {}).get('Code', 'unknown')}") from error
    except (BotoCoreError, OSError, UnicodeDecodeError) as error:
        # amazon-dax-client lets a socket's own errors through, and botocore those of decoding an error's body.
        raise Fault(f"{service}: {type(error).__name__}") from error
