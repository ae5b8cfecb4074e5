"""Credentials from the container's endpoint, as a function with SnapStart reads them, against a local endpoint."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from botocore.exceptions import CredentialRetrievalError

from chalicelib.aws.container_credentials import ContainerCredentials

NOON = 1_769_860_800.0
HOUR = 3600.0


@dataclass
class Endpoint:
    """Gives credentials that are valid for an hour from `now`, numbered by the requests."""

    url: str = ""
    now: float = NOON
    status: int = 200
    body: str | None = None
    tokens: list[str | None] = field(default_factory=list)

    def answer(self) -> bytes:
        expires = datetime.fromtimestamp(self.now + HOUR, UTC).isoformat().replace("+00:00", "Z")
        keys = {"AccessKeyId": f"key-{len(self.tokens)}", "SecretAccessKey": "secret", "Token": "token"}
        return (self.body or json.dumps({**keys, "Expiration": expires})).encode()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    found = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.tokens.append(self.headers.get("Authorization"))
            self.send_response(found.status)
            self.end_headers()
            self.wfile.write(found.answer())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_port}/2021-07-20/credentials"
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def credentials(endpoint: Endpoint, **environment: str) -> ContainerCredentials:
    given = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": endpoint.url, **environment}
    return ContainerCredentials(given, now=lambda: endpoint.now)


def test_they_are_read_with_the_token_of_the_environment_once_for_many_calls(endpoint: Endpoint) -> None:
    found = credentials(endpoint, AWS_CONTAINER_AUTHORIZATION_TOKEN="t")
    assert found() == found() == ("key-1", "secret", "token")
    assert endpoint.tokens == ["t"]


def test_they_are_read_again_before_they_expire_with_the_token_that_the_file_has_then(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    found = credentials(endpoint, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(file))
    found()
    file.write_text("second")
    endpoint.now += HOUR - 200
    assert found().access_key == "key-2"
    assert endpoint.tokens == ["first", "second"]


@pytest.mark.parametrize(("status", "body"), [(500, None), (200, "{}"), (200, "[]"), (200, "nonsense")])
def test_while_the_endpoint_fails_they_are_used_until_they_expire_and_no_longer(
    status: int, body: str | None, endpoint: Endpoint
) -> None:
    found = credentials(endpoint)
    found()
    endpoint.status, endpoint.body = status, body
    endpoint.now += HOUR - 100
    assert found().access_key == "key-1"
    endpoint.now += 101
    with pytest.raises(CredentialRetrievalError):
        found()


@pytest.mark.parametrize(
    "url", ["http://example.com/", "https://127.0.0.1/", "http://169.254.169.254/", "http://10.0.0.1/"]
)
def test_no_other_machine_is_asked(url: str, endpoint: Endpoint) -> None:
    endpoint.url = url
    with pytest.raises(CredentialRetrievalError):
        credentials(endpoint, AWS_CONTAINER_AUTHORIZATION_TOKEN="t")()
