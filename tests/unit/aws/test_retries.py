"""Retries of both clients: in an outage the quota bounds them, and the longest time of a call is known."""

import random
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from chalicelib.aws import botocore_client, retries, timeouts
from chalicelib.aws.json_client import JsonClient
from chalicelib.aws.retries import DeadlineExceededError, RetryQuota, pause_seconds
from chalicelib.aws.sigv4 import Credentials
from chalicelib.aws.timeouts import CallPolicy
from chalicelib.wiring import CALL_POLICY

THROTTLED = ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "SendMessage")
TIMEOUT = ReadTimeoutError(endpoint_url="http://sqs")
NAMES = ["thin", "botocore"]
STATUSES = {"ThrottlingException": 400, "InternalServerError": 500, "ConditionalCheckFailedException": 400}


class Failing(BaseHTTPRequestHandler):
    """Answers each request with the next error code, and with the last one from then on."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    requests = 0
    codes: tuple[str, ...]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        code = self.codes[min(type(self).requests, len(self.codes) - 1)]
        type(self).requests += 1
        body = f'{{"__type": "x#{code}"}}'.encode()
        self.send_response(STATUSES[code])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        pass


@pytest.fixture
def failing() -> Iterator[Callable[..., tuple[type[Failing], str]]]:
    """Start a server that fails with these codes; returns its handler, which counts, and its address."""
    servers: list[ThreadingHTTPServer] = []

    def serve(*codes: str) -> tuple[type[Failing], str]:
        handler = type("Handler", (Failing,), {"codes": codes})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return handler, f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that would have been made."""
    made: list[float] = []
    monkeypatch.setattr("time.sleep", made.append)
    return made


def client(name: str, url: str, policy: CallPolicy = CALL_POLICY, service: str = "sqs") -> Any:
    if name == "thin":
        keys = Credentials("key", "secret", None)
        return JsonClient(service, region="us-east-1", endpoint_url=url, credentials=lambda: keys, policy=policy)
    session = botocore.session.Session()
    session.set_credentials("key", "secret")
    return botocore_client.make(session, service, region="us-east-1", endpoint_url=url, policy=policy)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("pauses")
def test_in_an_outage_the_retries_of_all_calls_together_are_bounded(name: str, failing: Any) -> None:
    handler, url = failing("ThrottlingException")
    sqs = client(name, url)
    for _ in range(150):
        with pytest.raises(ClientError):
            sqs.send_message(QueueUrl=f"{url}/queue", MessageBody="x")
    assert handler.requests == 150 + RetryQuota.CAPACITY / 5


def test_a_retry_after_a_timeout_costs_twice_as_much() -> None:
    for error, retries_left in ((THROTTLED, 100), (TIMEOUT, 50)):
        quota = RetryQuota()
        assert all(quota.take(error) for _ in range(retries_left))
        assert quota.take(error) == 0


def test_a_success_gives_back_what_its_last_retry_took_and_a_little_when_it_needed_none() -> None:
    quota = RetryQuota()
    while taken := quota.take(TIMEOUT):
        last = taken
    quota.give_back(last)
    assert quota.take(TIMEOUT) == last
    for _ in range(4):
        quota.give_back(0)
    assert quota.take(THROTTLED) == 0
    quota.give_back(0)
    assert quota.take(THROTTLED) == 5
    for _ in range(2_000):
        quota.give_back(0)
    assert sum(quota.take(THROTTLED) for _ in range(200)) == RetryQuota.CAPACITY


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("pauses")
def test_an_error_says_how_many_earlier_attempts_may_have_taken_effect(name: str, failing: Any) -> None:
    _, url = failing("InternalServerError", "ThrottlingException", "ConditionalCheckFailedException")
    with pytest.raises(ClientError) as caught:
        client(name, url, service="dynamodb").put_item(TableName="orders", Item={})
    metadata: Any = caught.value.response["ResponseMetadata"]
    assert metadata["AmbiguousAttempts"] == 1


@pytest.mark.parametrize("name", NAMES)
def test_near_the_deadline_a_call_is_not_tried_again(name: str, failing: Any, pauses: list[float]) -> None:
    handler, url = failing("ThrottlingException")
    left = iter([10.0] + [0.0] * 10)
    with timeouts.deadline(lambda: 1_000 * next(left), kept_ms=0), pytest.raises((ClientError, BotoCoreError)):
        client(name, url).send_message(QueueUrl=f"{url}/queue", MessageBody="x")
    assert (handler.requests <= 1, pauses) == (True, [])


@pytest.mark.parametrize("name", NAMES)
def test_after_the_deadline_nothing_is_sent(name: str, failing: Any, pauses: list[float]) -> None:
    handler, url = failing("ThrottlingException")
    with timeouts.deadline(lambda: 0), pytest.raises(DeadlineExceededError):
        client(name, url).send_message(QueueUrl=f"{url}/queue", MessageBody="x")
    assert (handler.requests, pauses) == (0, [])


@pytest.mark.parametrize(("name", "longest"), [("thin", 9.6), ("botocore", 12.0)])
def test_no_call_takes_longer_than_the_stated_longest_time(
    name: str, longest: float, failing: Any, pauses: list[float]
) -> None:
    module: Any = retries if name == "thin" else botocore_client
    assert module.longest_call_seconds(CALL_POLICY) == pytest.approx(longest)
    _, url = failing("ThrottlingException")
    sqs = client(name, url)
    for _ in range(20):
        with pytest.raises(ClientError):
            sqs.send_message(QueueUrl=f"{url}/queue", MessageBody="x")
    longest_pauses = longest - CALL_POLICY.attempts * (CALL_POLICY.connect_timeout + CALL_POLICY.read_timeout)
    assert max(first + second for first, second in zip(pauses[::2], pauses[1::2], strict=True)) <= longest_pauses


def test_the_pauses_of_the_thin_client_are_random_and_double_from_a_fifth_of_a_second(
    failing: Any, pauses: list[float]
) -> None:
    _, url = failing("ThrottlingException")
    sqs = client("thin", url)
    for _ in range(40):
        with pytest.raises(ClientError):
            sqs.send_message(QueueUrl=f"{url}/queue", MessageBody="x")
    for made, longest in ((pauses[::2], 0.2), (pauses[1::2], 0.4)):
        assert len(made) == 40
        assert 0 < min(made) < 0.3 * longest < 0.7 * longest < max(made) < longest


def test_environments_that_are_restored_from_one_snapshot_do_not_wait_alike() -> None:
    def restored() -> list[float]:
        random.seed(7)  # the memory of the snapshot
        return [pause_seconds(1) for _ in range(5)]

    assert restored() != restored()


def test_of_several_threads_each_call_counts_on_the_same_quota() -> None:
    quota = RetryQuota()
    taken: list[int] = []

    def take() -> None:
        taken.extend(quota.take(THROTTLED) for _ in range(50))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == RetryQuota.CAPACITY
