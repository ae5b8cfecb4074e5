"""A proxy between functions and embedded engine that refuses, as AWS does, what a role's policy does not allow."""

import http.client
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from testkit.permissions import calls, judge
from testkit.permissions.calls import RESOURCES, Call
from testkit.permissions.judge import Permission
from testkit.permissions.stack import DeployedStack

_XML = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>AuthorizationError</Code>"
    "<Message>not authorized</Message></Error></ErrorResponse>"
)
_STREAM = "OrderTable/stream/2026-01-31T12:00:00.000"


class EnforcingProxy(ThreadingHTTPServer):
    """The access key of a request is the name of the function whose role it was signed with."""

    def __init__(self, engine_url: str, stack: DeployedStack, environment: Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.engine = urlsplit(engine_url)
        self.stack = stack
        self.names = {environment[variable]: name for variable, name in RESOURCES.items() if environment.get(variable)}
        self.environment = environment
        self.granted = judge.permissions(stack)
        self.withdrawn: Permission | None = None
        self.allowed: set[Call] = set()
        self.refused: set[Call] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def permits(self, call: Call) -> bool:
        granted = [each for each in self.granted if each != self.withdrawn]
        is_allowed = judge.allows(granted, self.stack, call)
        (self.allowed if is_allowed else self.refused).add(call)
        return is_allowed


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: EnforcingProxy

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if all([self.server.permits(call) for call in self._calls(body)]):  # noqa: C419 - each is judged
            self._forward(body)
        elif "X-Amz-Target" in self.headers:
            self._send(400, {"Content-Type": "application/json"}, b'{"__type": "x#AccessDeniedException"}')
        else:
            self._send(403, {"Content-Type": "text/xml"}, _XML.encode())

    def _calls(self, body: bytes) -> Iterator[Call]:
        credential = re.search(r"Credential=(\w+)/\d+/[^/]+/(\w+)/", self.headers["Authorization"])
        assert credential is not None
        function, service = credential.groups()
        target = self.headers.get("X-Amz-Target")
        parameters: dict[str, Any] = json.loads(body) if target else dict(parse_qsl(body.decode()))
        operation = target.rpartition(".")[2] if target else parameters["Action"]
        action = calls.action_of(service, operation)
        if target and target.startswith("DynamoDBStreams"):  # GetRecords names an iterator, and no stream
            yield Call(function, action, _STREAM)
            return
        for resource in calls.resources_of(service, parameters, self.server.environment):
            whole, index, rest = resource.partition("/index/")
            yield Call(function, action, self.server.names[whole] + index + rest)

    def _forward(self, body: bytes) -> None:
        engine = self.server.engine
        connection = http.client.HTTPConnection(engine.hostname or "", engine.port, timeout=30)
        headers = {name.lower(): value for name, value in self.headers.items()}
        headers["authorization"] = re.sub("Credential=[^/]+", "Credential=local", headers["authorization"])
        headers.pop("host"), headers.pop("connection", None)
        connection.request("POST", self.path, body, headers)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        kept = ("content-type", "x-amzn-query-error")
        self._send(response.status, {n: v for n, v in response.getheaders() if n.lower() in kept}, content)

    def _send(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature is the library's
        """Log nothing."""


@contextmanager
def enforcing(engine_url: str, stack: DeployedStack, environment: Mapping[str, str]) -> Iterator[EnforcingProxy]:
    proxy = EnforcingProxy(engine_url, stack, environment)
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
