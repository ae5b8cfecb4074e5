"""The entry points of app.py for fuzzing: any input gives an answer, a quarantine or a refusal, never a crash."""

import base64
import json
import random
from collections.abc import Mapping
from typing import Any

from chalice.app import AuthRequest

from chalicelib.http.auth.authorizer import Unauthorized
from chalicelib.lambda_batches import BatchFailed
from testkit.builders import CUSTOMER, an_order
from testkit.fake_aws.faults import FaultInjection
from testkit.fake_aws.lambda_ import Container, FakeAws
from testkit.lambda_events import http_event, stream_record

METHODS = ("GET", "POST", "PATCH", "DELETE", "PUT")
RESOURCES = ("/orders", "/orders/{order_id}", "/customers/{customer_id}/orders", "/openapi.json", "/health", "/")
SCOPES = ("orders/read orders/write", "orders/service", "orders/admin", "")


class EntryPoints:
    """A Lambda container on a fake AWS without faults, with one stored order."""

    def __init__(self) -> None:
        self.aws = FakeAws(FaultInjection(random.Random(1)))
        self.container = Container(self.aws)
        self.stored = an_order()
        self.container.deadline = float("inf")
        self.container.app.wiring.order_table().add(self.stored)

    def api(  # noqa: PLR0917 - as many as a request has parts
        self,
        method: str,
        resource: str,
        parameter: str,
        query: str,
        headers: Mapping[str, str],
        body: str | bytes,
        scope: str = SCOPES[0],
    ) -> dict[str, Any]:
        """Call the API; AssertionError for a 5xx, and for an error without a problem document."""
        event = http_event(
            method,
            resource.split("{", maxsplit=1)[0] + "x",
            resource=resource.split("{", maxsplit=1)[0] + "x",
            body=body if isinstance(body, str) else base64.b64encode(body).decode(),
            headers={"content-type": "application/json", **headers},
            authorizer={"sub": CUSTOMER, "scope": scope, "exp": "1e12"},
        )
        pairs = [pair.partition("=") for pair in query.split("&") if pair]
        many: dict[str, list[str]] = {}
        for name, _, value in pairs:
            many.setdefault(name, []).append(value)
        event |= {
            "resource": resource,
            "isBase64Encoded": isinstance(body, bytes),
            "pathParameters": {"order_id": parameter, "customer_id": parameter} if "{" in resource else None,
            "multiValueQueryStringParameters": many or None,
        }
        event["requestContext"]["resourcePath"] = resource
        answer: dict[str, Any] = self.container.invoke("app", event, seconds=10)
        assert answer["statusCode"] < 500, (event, answer)
        if answer["statusCode"] >= 400:
            assert {"type", "title", "status", "detail", "instance"} <= json.loads(answer["body"]).keys(), answer
        return answer

    def queue(self, body: str) -> None:
        """Process a message: it is stored, rejected or quarantined, or stays on the queue for a newer release."""
        message = {"messageId": "m", "receiptHandle": "h", "body": body, "eventSourceARN": "arn:aws:sqs:::q"}
        kept = len(self.aws.table.items) + len(self.aws.order_dlq.messages)
        try:
            assert self.container.invoke("process_orders", {"Records": [message]}, seconds=15) is None
        except BatchFailed:
            assert _is_of_a_newer_release(body), body
        assert len(self.aws.table.items) + len(self.aws.order_dlq.messages) - kept in (0, 1)

    def record(self, dynamodb: Any) -> None:
        """Publish a stream record: an event, nothing, or quarantine. Raises BatchFailed when it is to come again."""
        record = {**stream_record(None, self.stored), "dynamodb": dynamodb}
        assert self.container.invoke("publish_events", {"Records": [record]}, seconds=60) is None

    def token(self, authorization: str) -> None:
        """Check a token that is not signed; AssertionError when it is accepted."""
        request = AuthRequest("TOKEN", authorization, "arn:aws:execute-api:us-east-1:0:api/stage/GET/orders")
        try:
            self.container.app.authorizer.func(request)
        except Unauthorized:
            return
        raise AssertionError(f"accepted: {authorization!r}")


def _is_of_a_newer_release(body: str) -> bool:
    """Whether a message says that this release cannot read it (docs/operate/releases.md)."""
    document = json.loads(body)
    return any(type(document.get(name)) is int and document[name] > 1 for name in ("version", "revision"))
