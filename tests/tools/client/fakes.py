"""Fakes for `ordersctl load`: the service, and the storing and publishing that follow an acceptance."""

import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Condition
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import boto3
from joserfc import jwt
from joserfc.jwk import KeySet

from ordersctl.shared import project
from ordersctl.shared.engine_client import client_options


class Service(ThreadingHTTPServer):
    """Accepts orders and remembers keys like the real service, with faults on demand."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, jwks: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.jwks = jwks
        self.name = uuid4().hex  # part of its order ids, so that no two tests share one
        self.lock = Condition()
        self.posts: list[tuple[float, str, str]] = []  # when, customer, key
        self.orders: dict[tuple[str, str], dict[str, Any]] = {}  # by customer and key
        self.faults: dict[str, list[Any]] = {}  # key -> the next answers: a status, or "hang up"
        self.at_once = 1  # answers no post before there are so many
        self.accepted: Callable[[str], None] = lambda _order_id: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def keys(self) -> list[str]:
        return [key for _, _, key in self.posts]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Service

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        key, customer = self.headers["Idempotency-Key"], self._customer()
        with self.server.lock:
            self.server.posts.append((time.monotonic(), customer, key))
            self.server.lock.notify_all()
            assert self.server.lock.wait_for(lambda: len(self.server.posts) >= self.server.at_once, 20)
            fault = self.server.faults[key].pop(0) if self.server.faults.get(key) else None
        if not self._is_service():
            return self._answer(401, {"message": "Unauthorized"})
        if fault == "hang up":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return None
        if fault is not None:
            problem = {"title": "Not now", "errors": [{"pointer": "/items/0/sku", "detail": "is odd"}]}
            return self._answer(fault, problem, {"Retry-After": "1"})
        with self.server.lock:
            known = (customer, key) in self.server.orders
            self.server.orders.setdefault((customer, key), json.loads(body))
        order_id = f"ord_{self.server.name}_{key}"
        if not known:
            self.server.accepted(order_id)
        replayed = {"Idempotency-Replayed": "true"} if known else {}
        return self._answer(202, {"order_id": order_id, "status": "accepted"}, replayed)

    def _customer(self) -> str:
        return parse_qs(urlsplit(self.path).query)["customer_id"][0]

    def _is_service(self) -> bool:
        keys = KeySet.import_key_set(json.loads(self.server.jwks.read_text()))
        token = jwt.decode(self.headers["Authorization"].removeprefix("Bearer "), keys)
        return "orders/service" in token.claims["scope"].split()

    def _answer(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        document = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(document)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(document)

    def log_message(self, *_: object) -> None:
        pass


@dataclass
class Downstream:
    """Stores and publishes each accepted order once in the engine."""

    engine_url: str
    statuses: list[str] = field(default_factory=list)  # of the first orders, "" for not stored
    events: list[int] = field(default_factory=list)  # how often those of the first orders are sent
    noise: list[str] = field(default_factory=list)  # messages that are published beside each order's

    def __post_init__(self) -> None:
        self.sns = boto3.client("sns", **client_options(self.engine_url))
        self.dynamodb = boto3.client("dynamodb", **client_options(self.engine_url))

    def process(self, order_id: str) -> None:
        if status := self.statuses.pop() if self.statuses else "placed":
            item = {"order_id": {"S": order_id}, "status": {"S": status}}
            self.dynamodb.put_item(TableName="orders-local", Item=item)
        event = json.dumps({"id": f"{order_id}.1", "subject": order_id, "type": "order.placed"})
        for message in [*self.noise, *[event] * (self.events.pop() if self.events else 1)]:
            self.sns.publish(TopicArn=project.setting("EVENT_TOPIC_ARN"), Message=message)
