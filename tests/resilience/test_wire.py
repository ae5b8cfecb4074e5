"""The service's AWS clients against a server that misbehaves: each failure is a Fault, after three attempts at most."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from chalicelib.domain.errors import Fault
from ordersctl.shared.project import PROJECT_DIR
from testkit.fake_aws.lambda_ import ENVIRONMENT, copied

Answer = Callable[["Server"], None]


class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    misbehave: Answer
    requests = 0

    def do_POST(self) -> None:
        type(self).requests += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        type(self).misbehave(self)

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, status: int, body: bytes, promised: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if promised is None else promised))
        self.end_headers()
        self.wfile.write(body)


def hangs_up(server: Server) -> None:
    server.close_connection = True


def breaks_off(server: Server) -> None:
    server.answer(200, b'{"It', promised=1000)
    server.close_connection = True


MISBEHAVIOURS: dict[str, tuple[Answer, int]] = {
    # how the server answers, and how many attempts the client makes
    "throttled": (lambda server: server.answer(400, b'{"__type": "x#ThrottlingException", "message": "slow"}'), 3),
    "server error": (lambda server: server.answer(500, b'{"__type": "x#InternalServerError"}'), 3),
    "server error in HTML": (lambda server: server.answer(503, b"<html>busy</html>"), 3),
    "server error without a body": (lambda server: server.answer(502, b""), 3),
    "server error in bytes": (lambda server: server.answer(500, b"\xff\xfe\x00"), 3),
    "hangs up": (hangs_up, 3),
    "breaks off": (breaks_off, 3),
    "denied": (lambda server: server.answer(400, b'{"__type": "x#AccessDeniedException"}'), 1),
}


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    Server.requests = 0
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(params=["thin", pytest.param("botocore", marks=pytest.mark.full)])  # botocore's pauses are longer
def aws_client(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def wiring(aws_client: str, url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A copy of the wiring whose clients call the server."""
    keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in {**ENVIRONMENT, **keys, "AWS_ENDPOINT_URL": url, "AWS_CLIENT": aws_client}.items():
        monkeypatch.setenv(name, value)
    return copied("chalicelib.wiring", PROJECT_DIR / "chalicelib" / "wiring.py")


@pytest.mark.parametrize("how", MISBEHAVIOURS)
def test_every_failure_of_a_call_is_a_fault(how: str, aws_client: str, wiring: Any) -> None:
    Server.misbehave, attempts = MISBEHAVIOURS[how]
    if aws_client == "botocore" and how == "server error in bytes":
        attempts = 1  # its parser fails before it asks whether to try again
    with pytest.raises(Fault):
        wiring.order_table().get("ord_1")
    assert Server.requests == attempts
    with pytest.raises(Fault):
        wiring.order_queue().send("{}", order_id="ord_1", customer_id="anna")
    assert Server.requests == 2 * attempts


# The member of ThrottlingException begins with a small letter, that of the other error with a capital (API reference).
@pytest.mark.parametrize(
    ("error", "member"),
    [("ThrottlingException", "throttlingReasons"), ("ProvisionedThroughputExceededException", "ThrottlingReasons")],
)
def test_what_dynamodb_throttled_and_why_is_logged(wiring: Any, log: io.StringIO, error: str, member: str) -> None:
    index = "arn:aws:dynamodb:us-east-1:000000000000:table/orders-dev/index/by-customer"
    reason = {"reason": "IndexWriteKeyRangeThroughputExceeded", "resource": index}
    body = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{error}", "message": "slow", member: [reason]})
    Server.misbehave = lambda server: server.answer(400, body.encode())
    with pytest.raises(Fault):
        wiring.fail_fast_order_table().get("ord_1")
    (line,) = map(json.loads, log.getvalue().splitlines())
    assert {name: line[name] for name in ("event", "level", "reason", "resource")} == {
        "event": "dynamodb.throttled",
        "level": "WARNING",
        **reason,
    }


def test_a_fail_fast_read_is_attempted_once(wiring: Any) -> None:
    Server.misbehave, _ = MISBEHAVIOURS["throttled"]
    with pytest.raises(Fault):
        wiring.fail_fast_order_table().get("ord_1")
    assert Server.requests == 1


def test_eight_threads_attempt_a_throttled_call_at_most_three_times_each(wiring: Any) -> None:
    Server.misbehave, _ = MISBEHAVIOURS["throttled"]

    def get(number: int) -> None:
        with pytest.raises(Fault):
            wiring.order_table().get(f"ord_{number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(get, range(8)))
    assert Server.requests <= 3 * 8
