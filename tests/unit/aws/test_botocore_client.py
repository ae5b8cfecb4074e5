"""botocore's clients as the service makes them: the timeouts and attempts of a call policy, and the trace's header."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import botocore.session
import pytest

from chalicelib.aws import botocore_client
from chalicelib.aws.timeouts import CallPolicy

TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=557abcec3ee5a047;Sampled=1"


def client(endpoint_url: str, policy: CallPolicy) -> Any:
    session = botocore.session.Session()
    session.set_credentials("key", "secret")
    return botocore_client.make(session, "sqs", region="us-east-1", endpoint_url=endpoint_url, policy=policy)


def test_the_client_has_the_timeouts_and_attempts_of_the_call_policy() -> None:
    config = client("http://127.0.0.1:1", CallPolicy(connect_timeout=0.3, read_timeout=0.4, attempts=5)).meta.config
    assert (config.connect_timeout, config.read_timeout) == (0.3, 0.4)
    assert config.retries == {"total_max_attempts": 5, "mode": "standard"}


class Listener(BaseHTTPRequestHandler):
    heard: dict[str, str]

    def do_POST(self) -> None:
        type(self).heard = {name.lower(): value for name, value in self.headers.items()}
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_args: Any) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    """A server that keeps the headers of the last request."""
    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_traced_invocation_s_header_goes_along_with_a_call(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "orders-dev")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", TRACE)
    client(url, CallPolicy(1, 2, 1)).send_message(QueueUrl=f"{url}/queue", MessageBody="{}")
    assert Listener.heard["x-amzn-trace-id"] == TRACE
    assert Listener.heard["user-agent"].startswith("orders")
