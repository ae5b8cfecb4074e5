"""The thin client of AWS's JSON services, against a server that answers by script."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from chalicelib.aws import timeouts
from chalicelib.aws.json_client import MAX_IDLE_SECONDS, JsonClient
from chalicelib.aws.retries import DeadlineExceededError
from chalicelib.aws.sigv4 import Credentials
from chalicelib.aws.timeouts import CallPolicy
from testkit.waiting import free_port

KEYS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None)
Script = list[tuple[int, dict[str, str], bytes]]
SILENCE = -1  # a status: no response at all
REFUSED: tuple[int, dict[str, str], bytes] = (400, {}, b'{"__type": "x#ConditionalCheckFailedException"}')


@pytest.fixture
def serving() -> Iterator[Callable[..., tuple[JsonClient, list[int]]]]:
    """Start a server that answers by a script, and closes a connection where the status is 0."""
    servers: list[ThreadingHTTPServer] = []
    silent = threading.Event()

    def serve(script: Script, attempts: int = 3) -> tuple[JsonClient, list[int]]:
        connections: list[int] = []  # the client's port, for each request

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                connections.append(self.client_address[1])
                status, headers, body = script.pop(0)
                if status == 0:
                    self.close_connection = True
                    return
                if status == SILENCE:
                    silent.wait(10)
                    return
                self.send_response(status)
                for name, value in (headers | {"Content-Length": str(len(body))}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return client(server.server_port, attempts), connections

    yield serve
    silent.set()
    for server in servers:
        server.shutdown()
        server.server_close()


def client(port: int, attempts: int, read_timeout: float = 1) -> JsonClient:
    return JsonClient(
        "sqs",
        region="us-east-1",
        endpoint_url=f"http://127.0.0.1:{port}",
        credentials=lambda: KEYS,
        policy=CallPolicy(1, read_timeout, attempts),
    )


def test_calls_share_one_connection(serving: Any) -> None:
    sqs, connections = serving([(200, {}, b'{"MessageId": "1"}'), (200, {}, b'{"MessageId": "2"}')])
    assert [sqs.send_message(MessageBody="x")["MessageId"] for _ in range(2)] == ["1", "2"]
    assert len(set(connections)) == 1


def test_an_idle_connection_that_the_service_closed_does_not_fail_the_call(serving: Any) -> None:
    script: Script = [(200, {}, b"{}"), (0, {}, b""), (200, {}, b'{"MessageId": "2"}')]
    sqs, connections = serving(script, attempts=1)
    sqs.send_message(MessageBody="x")
    assert sqs.send_message(MessageBody="x")["MessageId"] == "2"
    assert len(set(connections)) == 2


@pytest.mark.parametrize(
    "throttled",
    [
        (400, {}, b'{"__type": "com.amazonaws.sqs#ThrottlingException"}'),
        (429, {}, b'{"__type": "Throttled"}'),  # SNS's code; only the status shows that the failure is temporary
    ],
)
def test_a_temporary_failure_is_tried_again(serving: Any, throttled: Any) -> None:
    sqs, connections = serving([throttled, (503, {}, b"<html>"), (200, {}, b'{"MessageId": "3"}')])
    assert sqs.send_message(MessageBody="x")["MessageId"] == "3"
    assert len(connections) == 3


def test_a_refusal_is_raised_at_once_with_all_members_of_the_service_s_document(serving: Any) -> None:
    body = b'{"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", "Item": {"a": {"S": "b"}}}'
    sqs, connections = serving([(400, {}, body)])
    with pytest.raises(ClientError) as caught:
        sqs.put_item(TableName="orders")
    answer: Any = caught.value.response
    assert answer["Error"]["Code"] == "ConditionalCheckFailedException"
    assert answer["Item"] == {"a": {"S": "b"}}
    assert caught.value.operation_name == "PutItem"
    assert len(connections) == 1


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((413, {}, b"<html>"), "413"),  # a proxy's answer, not the service's own error
        ((200, {}, b"<html>"), "500"),
        ((502, {}, b'"bad gateway"'), "502"),
        ((400, {}, b'{"__type": "com.amazonaws.sqs#QueueDoesNotExist:http://internal"}'), "QueueDoesNotExist"),
    ],
)
def test_an_answer_has_the_code_that_botocore_would_give_it(serving: Any, answer: Any, code: str) -> None:
    sqs, _ = serving([answer], attempts=1)
    with pytest.raises(ClientError) as caught:
        sqs.send_message(MessageBody="x")
    assert caught.value.response["Error"]["Code"] == code


def test_sqs_names_an_error_in_a_header(serving: Any) -> None:
    name = {"x-amzn-query-error": "AWS.SimpleQueueService.NonExistentQueue;Sender"}
    sqs, _ = serving([(400, name, b'{"__type": "com.amazonaws.sqs#QueueDoesNotExist"}')])
    with pytest.raises(ClientError, match="NonExistentQueue"):
        sqs.send_message(MessageBody="x")


def test_an_address_without_a_server_is_an_error_of_botocore() -> None:
    with pytest.raises(EndpointConnectionError):
        client(free_port(), attempts=1).send_message(MessageBody="x")


# --- idle connections


@pytest.mark.parametrize("seconds", [MAX_IDLE_SECONDS, -1.0], ids=["too old", "of unknown age: the clock was set back"])
def test_a_connection_that_was_idle_for_long_is_not_used_again(
    serving: Any, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    sqs, connections = serving([(200, {}, b"{}"), (200, {}, b"{}")])
    sqs.send_message(MessageBody="x")
    now = time.time
    monkeypatch.setattr("time.time", lambda: now() + seconds)
    sqs.send_message(MessageBody="x")
    assert len(set(connections)) == 2


def test_a_connection_that_was_idle_for_less_is_used_again(serving: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sqs, connections = serving([(200, {}, b"{}"), (200, {}, b"{}")])
    sqs.send_message(MessageBody="x")
    now = time.time
    monkeypatch.setattr("time.time", lambda: now() + MAX_IDLE_SECONDS - 1)
    sqs.send_message(MessageBody="x")
    assert len(set(connections)) == 1


def test_a_response_that_nobody_asked_for_is_not_taken_for_that_of_the_next_call() -> None:
    def response(message: str) -> bytes:
        content = f'{{"MessageId": "{message}"}}'
        return f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\n\r\n{content}".encode()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        sqs = client(listening.getsockname()[1], attempts=1)

        def serve() -> None:
            for number in (1, 2):
                accepted, _ = listening.accept()
                open_connections.append(accepted)
                accepted.recv(65_536)
                accepted.sendall(response(str(number)))

        open_connections: list[socket.socket] = []
        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        assert sqs.send_message(MessageBody="x")["MessageId"] == "1"
        open_connections[0].sendall(response("stray"))
        assert sqs.send_message(MessageBody="x")["MessageId"] == "2"
        serving.join()
        for each in open_connections:
            each.close()


# --- the deadline


def test_a_call_ends_with_the_deadline_of_its_invocation(serving: Any) -> None:
    sqs, connections = serving([(SILENCE, {}, b"")] * 3)
    began = time.monotonic()
    with (
        timeouts.deadline(lambda: 1_300 - (time.monotonic() - began) * 1_000, kept_ms=1_000),
        pytest.raises(ReadTimeoutError),
    ):
        sqs.send_message(MessageBody="x")
    assert 0.29 < time.monotonic() - began < 0.9, "three attempts of a second each would be made without the deadline"
    assert len(connections) == 1


def test_after_the_deadline_nothing_is_sent(serving: Any) -> None:
    sqs, connections = serving([(200, {}, b"{}")])
    with timeouts.deadline(lambda: 1_000), pytest.raises(DeadlineExceededError):
        sqs.send_message(MessageBody="x")
    assert connections == []


def test_a_deadline_ends_with_its_block_and_an_inner_one_with_its_own(serving: Any) -> None:
    sqs, _ = serving([(200, {}, b"{}")])
    with timeouts.deadline(lambda: 0):
        with timeouts.deadline(lambda: 40_000, at_most_ms=29_000):
            assert timeouts.seconds_left() == 28.0
        assert timeouts.seconds_left() == -1.0
    assert sqs.send_message(MessageBody="x") == {}


# --- attempts that may have taken effect


@pytest.mark.parametrize(
    ("before", "ambiguous"),
    [
        ([(500, {}, b"{}"), (503, {}, b"")], 2),
        ([(0, {}, b"")], 1),
        ([(400, {}, b'{"__type": "x#ThrottlingException"}'), (429, {}, b"{}")], 0),
    ],
    ids=["server errors", "a broken connection", "throttled"],
)
def test_an_error_says_how_many_earlier_attempts_may_have_taken_effect(
    serving: Any, before: Script, ambiguous: int
) -> None:
    sqs, _ = serving([*before, REFUSED])
    with pytest.raises(ClientError) as caught:
        sqs.put_item(TableName="orders")
    metadata: Any = caught.value.response["ResponseMetadata"]
    assert metadata["AmbiguousAttempts"] == ambiguous


def test_a_request_on_an_idle_connection_that_broke_may_have_taken_effect(serving: Any) -> None:
    sqs, _ = serving([(200, {}, b"{}"), (0, {}, b""), REFUSED], attempts=1)
    sqs.send_message(MessageBody="x")
    with pytest.raises(ClientError) as caught:
        sqs.put_item(TableName="orders")
    metadata: Any = caught.value.response["ResponseMetadata"]
    assert metadata["AmbiguousAttempts"] == 1
