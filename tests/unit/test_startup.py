"""What a function does before its first invocation: its imports, and before a snapshot nothing that differs or ages."""

import ast
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from ordersctl.shared.project import PROJECT_DIR

CODE = """
import json, socket, sys

def refuse(*_):
    raise AssertionError("a connection before the first invocation")

connect, socket.socket.connect = socket.socket.connect, refuse
import app
from chalicelib import wiring
made = wiring._client.cache_info().currsize
socket.socket.connect = connect
at_start = set(sys.modules)

from testkit.builders import an_order, new_order
from testkit.lambda_events import LambdaContext, http_event, sqs_event, stream_event
handler, event = sys.argv[1:]
claims = {"claims": {"sub": "ann", "scope": "orders/read orders/write"}}
event = {
    "accept": lambda: http_event("POST", "/orders", body=json.dumps(new_order()), authorizer=claims),
    "read": lambda: http_event("GET", "/orders/ord_x", resource="/orders/{order_id}", authorizer=claims),
    "token": lambda: {"type": "TOKEN", "methodArn": "arn:aws:x:r:1:a/s/GET/", "authorizationToken": "Bearer x.y.z"},
    "messages": lambda: sqs_event("{}"),
    "records": lambda: stream_event((None, an_order())),
}[event]()
# What the tests imported counts for nothing: the service imports it again, if it needs it.
for name in set(sys.modules) - at_start:
    if name.startswith("chalicelib"):
        del sys.modules[name]
known = set(sys.modules)
try:
    status = getattr(app, handler)(event, LambdaContext())["statusCode"]
except Exception as error:
    status = type(error).__name__
ours = ("chalicelib", "pydantic", "botocore", "joserfc", "ssl")
late = sorted(name for name in set(sys.modules) - known if name.startswith(ours))
print(json.dumps({"clients": made, "at start": sorted(at_start), "late": late, "status": status}))
"""


def started(handler: str, event: str, **environment: str) -> dict[str, Any]:
    """What a new process with app.py has imported and made, before and after its first invocation."""
    settings = {
        "ORDER_TABLE": "t",
        "ORDER_QUEUE_URL": "https://sqs.test/1/q",
        "ID_SECRET_ARN": "s",
        "JWT_ISSUER": "https://i.test",
        "JWT_AUDIENCE": "a",
        "JWT_JWKS": "https://127.0.0.1:1/keys",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/",
        "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": "https://127.0.0.1:1",
        "PATH": os.environ["PATH"],
        "STAGE": "prod",
        "ORDER_STREAM_ARN": "s",
        "ORDER_DEAD_LETTER_QUEUE_URL": "https://sqs.test/1/d",
        "EVENT_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:t",
        "EVENT_DEAD_LETTER_QUEUE_URL": "https://sqs.test/1/e",
        "REPORT_BATCH_ITEM_FAILURES": "1",
    }
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", CODE, handler, event],
        cwd=PROJECT_DIR,
        env=settings | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def snapshot() -> dict[str, Any]:
    return started("app", "read", _HANDLER="app.app", AWS_LAMBDA_INITIALIZATION_TYPE="snap-start")


def test_before_a_snapshot_no_client_is_made_and_no_connection_opened(snapshot: dict[str, Any]) -> None:
    assert snapshot["clients"] == 0


def test_the_first_request_after_a_restore_imports_nothing_of_the_service(snapshot: dict[str, Any]) -> None:
    assert snapshot["late"] == []
    assert snapshot["status"] == 503  # the credentials of the restored environment, which nothing gives here


def imported_by_endpoints() -> set[str]:
    """The modules that app.py's endpoints name in imports of their own."""
    functions = [
        each for each in ast.parse((PROJECT_DIR / "app.py").read_text()).body if isinstance(each, ast.FunctionDef)
    ]
    endpoints = [each for each in functions if any("app.route" in ast.unparse(by) for by in each.decorator_list)]
    imports = [each for endpoint in endpoints for each in ast.walk(endpoint) if isinstance(each, ast.ImportFrom)]
    # `from package import module`, or `from module import name`
    return {f"{each.module}.{alias.name}" for each in imports for alias in each.names} | {
        str(each.module) for each in imports
    }


def test_a_snapshot_has_the_modules_of_every_endpoint(snapshot: dict[str, Any]) -> None:
    exist = {name for name in imported_by_endpoints() if (PROJECT_DIR / f"{name.replace('.', '/')}.py").exists()}
    assert len(exist) > 5
    assert exist <= set(snapshot["at start"])


KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}


@pytest.mark.parametrize(
    ("handler", "event", "of_others"),
    [
        ("app", "accept", {"chalicelib.adapters.order_table", "chalicelib.application.publish", "joserfc"}),
        ("authorizer", "token", {"pydantic", "chalicelib.aws.json_client"}),
        ("process_orders", "messages", {"chalicelib.http.requests", "chalicelib.aws.query_client", "joserfc"}),
        ("publish_events", "records", {"chalicelib.http.requests", "joserfc"}),
    ],
)
def test_a_function_imports_its_own_part_before_its_first_invocation(
    handler: str, event: str, of_others: set[str]
) -> None:
    found = started(handler, event, _HANDLER=f"app.{handler}", **KEYS)
    assert found["late"] == []
    assert not of_others & set(found["at start"])


def test_elsewhere_than_on_lambda_nothing_is_imported_before_it_is_used() -> None:
    found = started("app", "read", **KEYS)
    assert "pydantic" not in found["at start"]
    assert found["late"] != []
