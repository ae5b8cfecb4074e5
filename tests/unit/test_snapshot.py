"""What the API's function has before Lambda takes its snapshot: all imports, and nothing that must differ or ages."""

import json
import os
import subprocess
import sys

import pytest

from ordersctl.shared.project import PROJECT_DIR

CODE = """
import json, socket, sys

def refuse(*_):
    raise AssertionError("a connection before the snapshot")

connect, socket.socket.connect = socket.socket.connect, refuse
import app
from chalicelib import wiring
made = wiring._client.cache_info().currsize
socket.socket.connect = connect
from testkit.lambda_events import LambdaContext, http_event
claims = {"claims": {"sub": "ann", "scope": "orders/read orders/write"}}
known = set(sys.modules)
answer = app.app(http_event("GET", "/orders/ord_x", resource="/orders/{order_id}", authorizer=claims), LambdaContext())
late = {name for name in set(sys.modules) - known if name.startswith(("chalicelib", "pydantic", "botocore"))}
print(json.dumps({"clients": made, "late": sorted(late), "status": answer["statusCode"]}))
"""


def started(**environment: str) -> dict[str, object]:
    """What a new process with app.py has imported and made, before and after its first request."""
    settings = {
        "ORDER_TABLE": "t",
        "ORDER_QUEUE_URL": "https://sqs.test/1/q",
        "ID_SECRET_ARN": "s",
        "JWT_ISSUER": "https://i.test",
        "JWT_AUDIENCE": "a",
        "JWT_JWKS": "https://i.test/keys",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/",
        "AWS_REGION": "eu-west-1",
        "PATH": os.environ["PATH"],
        "STAGE": "prod",
        "ORDER_STREAM_ARN": "s",
        "ORDER_DEAD_LETTER_QUEUE_URL": "https://sqs.test/1/d",
        "EVENT_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:t",
        "EVENT_DEAD_LETTER_QUEUE_URL": "https://sqs.test/1/e",
    }
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", CODE],
        cwd=PROJECT_DIR,
        env=settings | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def snapshot() -> dict[str, object]:
    return started(AWS_LAMBDA_INITIALIZATION_TYPE="snap-start")


def test_no_client_is_made_and_no_connection_opened(snapshot: dict[str, object]) -> None:
    assert snapshot["clients"] == 0


def test_the_first_request_after_a_restore_imports_nothing_of_the_service(snapshot: dict[str, object]) -> None:
    assert snapshot["late"] == []
    assert snapshot["status"] == 503  # the credentials of the restored environment, which nothing gives here


def test_a_function_without_a_snapshot_imports_what_it_uses_when_it_uses_it() -> None:
    assert started(AWS_LAMBDA_INITIALIZATION_TYPE="on-demand")["late"] != []
