"""Every error that a client of AWS raises becomes a Fault, which names the service and the error's code or class."""

import socket

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

from chalicelib.adapters.faults import faults
from chalicelib.domain.errors import Fault

URL = "https://sqs.eu-west-2.amazonaws.com"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ClientError({"Error": {"Code": "ThrottlingException"}}, "SendMessage"), "sqs: ThrottlingException"),
        (ClientError({}, "SendMessage"), "sqs: unknown"),
        (ConnectTimeoutError(endpoint_url=URL), "sqs: ConnectTimeoutError"),
        (EndpointConnectionError(endpoint_url=URL), "sqs: EndpointConnectionError"),
        (ReadTimeoutError(endpoint_url=URL), "sqs: ReadTimeoutError"),
        (NoCredentialsError(), "sqs: NoCredentialsError"),
        (socket.gaierror("no such host"), "sqs: gaierror"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "sqs: UnicodeDecodeError"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
def test_an_error_of_a_client_is_a_fault_with_its_cause(error: Exception, message: str) -> None:
    with pytest.raises(Fault) as caught, faults("sqs"):
        raise error
    assert str(caught.value) == message
    assert caught.value.__cause__ is error


def test_an_error_of_our_own_passes_through() -> None:
    with pytest.raises(KeyError), faults("sqs"):
        raise KeyError("Entries")
