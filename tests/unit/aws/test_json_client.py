"""The thin client of AWS's JSON services, against a server that answers by script."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from chalicelib.aws.json_client import JsonClient
from chalicelib.aws.sigv4 import Credentials
from chalicelib.aws.timeouts import CallPolicy
from testkit.waiting import free_port

KEYS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None)
Script = list[tuple[int, dict[str, str], bytes]]


@pytest.fixture
def serving() -> Iterator[Callable[..., tuple[JsonClient, list[int]]]]:
    """Start a server that answers by a script, and closes a connection where the status is 0."""
    servers: list[ThreadingHTTPServer] = []

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
    for server in servers:
        server.shutdown()
        server.server_close()


def client(port: int, attempts: int) -> JsonClient:
    return JsonClient(
        "sqs",
        region="us-east-1",
        endpoint_url=f"http://127.0.0.1:{port}",
        credentials=lambda: KEYS,
        policy=CallPolicy(1, 1, attempts),
    )


def test_calls_share_one_connection(serving: Any) -> None:
    sqs, connections = serving([(200, {}, b'{"MessageId": "1"}'), (200, {}, b'{"MessageId": "2"}')])
    assert [sqs.send_message(MessageBody="x")["MessageId"] for _ in range(2)] == ["1", "2"]
    assert len(set(connections)) == 1


def test_an_idle_connection_that_the_service_closed_is_no_failure(serving: Any) -> None:
    script: Script = [(200, {}, b"{}"), (0, {}, b""), (200, {}, b'{"MessageId": "2"}')]
    sqs, connections = serving(script, attempts=1)
    sqs.send_message(MessageBody="x")
    assert sqs.send_message(MessageBody="x")["MessageId"] == "2"
    assert len(set(connections)) == 2


@pytest.mark.parametrize(
    "throttled",
    [
        (400, {}, b'{"__type": "com.amazonaws.sqs#ThrottlingException"}'),
        (429, {}, b'{"__type": "Throttled"}'),  # SNS's code; only the status says that it passes
    ],
)
def test_a_passing_failure_is_tried_again(serving: Any, throttled: Any) -> None:
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
        ((413, {}, b"<html>"), "413"),  # a proxy's answer: the service is not out of order
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
