"""The sample consumers, each with its own table in the tests' engine, and a fake of the API that they call."""

import importlib.util
import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from chalicelib.domain.orders import TRANSITIONS, OrderStatus
from ordersctl.contract import event_schemas
from ordersctl.local.consumers import EXAMPLES, make_inbox
from ordersctl.shared.engine_client import client_options
from testkit.lambda_events import LambdaContext, sqs_event

Event = dict[str, Any]

PUBLISHED = {
    (schema := json.loads(path.read_text()))["title"]: schema for path in sorted(event_schemas.PUBLISHED.glob("*.json"))
}
WHOLE = {event_type: schema["examples"][0] for event_type, schema in PUBLISHED.items()}
THIN = {event_type: schema["examples"][1] for event_type, schema in PUBLISHED.items() if len(schema["examples"]) > 1}


def at(event_type: str, version: int) -> Event:
    """A published example as the event of this version of its order."""
    example: Event = json.loads(json.dumps(WHOLE[event_type]))
    example |= {"id": f"{example['subject']}.{version}", "sequence": str(version)}
    if "version" in example["data"]:
        example["data"]["version"] = version
    return example


def of_another_order(event: Event) -> Event:
    """The same event of a new order."""
    fresh = f"ord_{uuid.uuid4().hex}"
    text: Event = json.loads(re.sub(re.escape(event["subject"]), fresh, json.dumps(event)))
    return text


class Api(ThreadingHTTPServer):
    """Reads and changes orders by the API's rules, or answers as a test asks; records the calls."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.forget()

    def forget(self) -> None:
        self.orders: dict[str, Any] = {}  # by path
        self.calls: list[tuple[str, str, Any, dict[str, str]]] = []
        self.answers: dict[str, tuple[int, Any]] = {}  # by method, or method and status, as "PATCH shipped"
        self.before_saying: Callable[[], object] = lambda: None  # after the change is made, before the answer is sent
        self.token_requests: list[tuple[str, str]] = []  # (Authorization, form)
        self.token: tuple[int, dict[str, Any]] = (200, {"access_token": "a token", "expires_in": 3600})

    def keep(self, order: dict[str, Any], **changes: Any) -> None:
        """Set the current state of an order."""
        order = order | changes
        self.orders[f"/orders/{order['order_id']}"] = order

    def status_of(self, order_id: str) -> tuple[str, int]:
        """The order's status and version, (status, 0) when it has none."""
        order = self.orders[f"/orders/{order_id}"]
        return order["status"], order.get("version", 0)

    def answer(self, method: str, path: str, status: str, if_match: str) -> tuple[int, Any]:
        scripted = self.answers.get(f"{method} {status}") or self.answers.get(method)
        order = self.orders.get(path)
        if scripted is not None:
            return scripted
        if order is None or order["status"] == "erased":
            return (404 if order is None else 410), {}
        return (200, order) if method == "GET" else self._move(path, order, status, if_match)

    def _move(self, path: str, order: dict[str, Any], status: str, if_match: str) -> tuple[int, Any]:
        if if_match != f'"{order["version"]}"':
            return 412, {}
        if status != order["status"]:
            if status not in TRANSITIONS[OrderStatus(order["status"])]:
                return 409, {}
            self.orders[path] = order | {"status": status, "version": order["version"] + 1}
        return 200, self.orders[path]

    @property
    def client(self) -> dict[str, str]:
        """The settings by which a consumer fetches its token here."""
        return {
            "ORDERS_TOKEN_URL": f"{self.url}/oauth2/token",
            "ORDERS_CLIENT_ID": "a consumer",
            "ORDERS_CLIENT_SECRET": "a secret: é",
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @contextmanager
    def running(self) -> Iterator["Api"]:
        thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            thread.join()
            self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Api

    def do_PATCH(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.calls.append((self.command, self.path, json.loads(body or "null"), headers))
        asked_for = (json.loads(body or "null") or {}).get("status", "")
        status, answer = self.server.answer(self.command, self.path, asked_for, headers.get("if-match", ""))
        self.server.before_saying()
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    do_GET = do_PATCH  # noqa: N815

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.server.token_requests.append((self.headers["Authorization"], form))
        status, answer = self.server.token
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: object) -> None:
        pass


@dataclass
class SampleConsumer:
    """One app of examples/, as its queue's mapping calls it."""

    name: str
    app: Any
    api: Api
    table: Any
    handler: Any = field(init=False)

    def __post_init__(self) -> None:
        self.handler = self.app.app.handler_map["take-in"]

    @classmethod
    def load(cls, name: str, engine_url: str, api: Api, patch: pytest.MonkeyPatch) -> "SampleConsumer":
        options = client_options(engine_url)
        table = f"{name}-{uuid.uuid4().hex}"
        make_inbox(engine_url, table)
        for variable, value in {
            "QUEUE_NAME": name,
            "INBOX_TABLE": table,
            "ORDERS_API_URL": api.url,
            **api.client,
            "AWS_ENDPOINT_URL": engine_url,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
        }.items():
            patch.setenv(variable, value)
        # All three modules are named app, as Chalice wants it.
        spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / name / "app.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return cls(name, module, api, boto3.resource("dynamodb", **options).Table(table))

    def take(self, *events: Event) -> None:
        """Pass messages to the handler as the mapping does: one at a time."""
        for event in events:
            self.handler(sqs_event(json.dumps(event)), LambdaContext())

    def state(self, order_id: str) -> dict[str, Any]:
        """The consumer's item of an order, with the event that wrote it; {} if there is none."""
        item: dict[str, Any] = self.table.get_item(Key={"order_id": order_id}, ConsistentRead=True).get("Item", {})
        return item

    def asked_for(self) -> list[tuple[str, str, str]]:
        """(method, status, If-Match) of each call to the API."""
        return [
            (method, (body or {}).get("status", ""), h.get("if-match", "")) for method, _, body, h in self.api.calls
        ]


class FakeTable:
    """An inbox in memory for tests of thousands of deliveries, with the condition that DynamoDB is given."""

    class ConditionalCheckFailedException(Exception):
        pass

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.meta = SimpleNamespace(client=SimpleNamespace(exceptions=self))

    def get_item(self, Key: dict[str, str], *, ConsistentRead: bool) -> dict[str, Any]:  # noqa: N803 - DynamoDB's names
        assert ConsistentRead
        item = self.items.get(Key["order_id"])
        return {} if item is None else {"Item": item}

    def put_item(self, *, Item: dict[str, Any], ConditionExpression: str, **values: Any) -> None:  # noqa: N803
        assert ConditionExpression == "attribute_not_exists(order_id) OR #sequence < :sequence"
        assert values["ExpressionAttributeValues"] == {":sequence": Item["sequence"]}
        stands = self.items.get(Item["order_id"])
        if stands is not None and stands["sequence"] >= Item["sequence"]:
            raise self.ConditionalCheckFailedException
        self.items[Item["order_id"]] = Item
