"""The small client of AWS's JSON services, against botocore's own signer and a server that answers by script."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.aws.json_client import Credentials, JsonClient, sign
from chalicelib.settings import Patience
from testkit.waiting import free_port

KEYS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None)
Script = list[tuple[int, dict[str, str], bytes]]


@given(
    body=st.binary(max_size=200),
    service=st.sampled_from(["sqs", "dynamodb", "secretsmanager", "sns", "events"]),
    kind=st.sampled_from(["application/x-amz-json-1.0", "application/x-www-form-urlencoded; charset=utf-8"]),
    region=st.sampled_from(["us-east-1", "eu-west-2"]),
    keys=st.builds(
        Credentials,
        st.just("AKIDEXAMPLE"),
        st.text("abcXYZ019/+=", min_size=1),
        st.none() | st.text("abcXYZ019/+=", min_size=1),
    ),
)
def test_it_signs_as_botocore_does(body: bytes, service: str, kind: str, region: str, keys: Credentials) -> None:
    request = AWSRequest("POST", f"https://{service}.{region}.amazonaws.com/", data=body)
    request.headers["content-type"] = kind
    request.headers["x-amz-target"] = "A.B"
    SigV4Auth(ReadOnlyCredentials(*keys), service, region).add_auth(request)
    headers = {
        "content-type": kind,
        "host": f"{service}.{region}.amazonaws.com",
        "x-amz-date": request.context["timestamp"],
        "x-amz-target": "A.B",
    }
    assert sign(headers, body, service, region, keys) == request.headers["Authorization"]
    assert headers.get("x-amz-security-token") == keys.token


@pytest.fixture
def serving() -> Iterator[Callable[[Script], tuple[JsonClient, list[int]]]]:
    """Start a server that answers by a script, and closes a connection where the status is 0."""
    servers: list[ThreadingHTTPServer] = []

    def serve(script: Script) -> tuple[JsonClient, list[int]]:
        connections: list[int] = []

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
        return client(server.server_port), connections

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def client(port: int, attempts: int = 3) -> JsonClient:
    return JsonClient(
        "sqs",
        region="us-east-1",
        endpoint_url=f"http://127.0.0.1:{port}",
        credentials=lambda: KEYS,
        patience=Patience(1, 1, attempts),
    )


def test_calls_share_one_connection(serving: Any) -> None:
    sqs, connections = serving([(200, {}, b'{"MessageId": "1"}'), (200, {}, b'{"MessageId": "2"}')])
    assert [sqs.send_message(MessageBody="x")["MessageId"] for _ in range(2)] == ["1", "2"]
    assert len(set(connections)) == 1


def test_a_connection_that_the_service_closed_meanwhile_is_no_failure(serving: Any) -> None:
    sqs, connections = serving([(200, {}, b"{}"), (0, {}, b""), (200, {}, b'{"MessageId": "2"}')])
    sqs.send_message(MessageBody="x")
    sqs = _with_attempts(sqs, 1)
    assert sqs.send_message(MessageBody="x")["MessageId"] == "2"
    assert len(set(connections)) == 2


@pytest.mark.parametrize(
    "throttled",
    [
        (400, {}, b'{"__type": "com.amazonaws.sqs#ThrottlingException"}'),
        (429, {}, b'{"__type": "Throttled"}'),  # SNS's code is not among those that every service uses
    ],
)
def test_a_passing_failure_is_tried_again(serving: Any, throttled: Any) -> None:
    sqs, connections = serving([throttled, (503, {}, b"<html>"), (200, {}, b'{"MessageId": "3"}')])
    assert sqs.send_message(MessageBody="x")["MessageId"] == "3"
    assert len(connections) == 3


def test_a_refusal_is_told_at_once_with_all_that_the_service_says_of_it(serving: Any) -> None:
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
        ((413, {}, b"<html>"), "413"),  # a proxy's, not the service's: no outage of that
        ((200, {}, b"<html>"), "500"),
        ((502, {}, b'"bad gateway"'), "502"),
        ((400, {}, b'{"__type": "com.amazonaws.sqs#QueueDoesNotExist:http://internal"}'), "QueueDoesNotExist"),
    ],
)
def test_an_answer_has_the_code_that_botocore_would_give_it(serving: Any, answer: Any, code: str) -> None:
    sqs, _ = serving([answer])
    with pytest.raises(ClientError) as caught:
        _with_attempts(sqs, 1).send_message(MessageBody="x")
    assert caught.value.response["Error"]["Code"] == code


def test_sqs_names_an_error_in_a_header(serving: Any) -> None:
    name = {"x-amzn-query-error": "AWS.SimpleQueueService.NonExistentQueue;Sender"}
    sqs, _ = serving([(400, name, b'{"__type": "com.amazonaws.sqs#QueueDoesNotExist"}')])
    with pytest.raises(ClientError, match="NonExistentQueue"):
        sqs.send_message(MessageBody="x")


def test_nobody_there_is_an_error_of_botocore() -> None:
    with pytest.raises(EndpointConnectionError):
        client(free_port(), attempts=1).send_message(MessageBody="x")


def _with_attempts(sqs: JsonClient, attempts: int) -> JsonClient:
    vars(sqs)["_patience"] = Patience(1, 1, attempts)
    return sqs
