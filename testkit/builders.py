"""Builders with defaults: orders and messages, what AWS wraps around them, tokens, and a client of the API."""

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chalice.app import Chalice
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from chalicelib.adapters import order_items
from chalicelib.domain import order_ids, orders
from chalicelib.domain.orders import ErasedOrder, NewOrder, Order, OrderStatus

NOW = "2026-01-31T12:00:00.000Z"
LATER = "2026-01-31T13:00:00.000Z"
CUSTOMER = "17850"
SECRET = b"a secret of the tests"
ORDER_ID = order_ids.mint(SECRET, CUSTOMER, "a key")
ISSUER, AUDIENCE = "https://issuer.example", "orders"
ADDRESS = {"name": "Ann Lee", "line1": "1 High Street", "city": "Leeds", "postal_code": "LS1 1AA", "country": "GB"}


# --- orders and messages ---------------------------------------------------------------------------------------------


def line(**changes: Any) -> dict[str, Any]:
    return {"sku": "85123A", "name": "WHITE HANGING HEART", "quantity": 6, "unit_price": 255} | changes


def new_order(**changes: Any) -> dict[str, Any]:
    """What a client posts: 15.30 pounds."""
    return {"currency": "GBP", "items": [line()]} | changes


def an_order(**changes: Any) -> Order:
    """A stored order; `new` holds changes of what was posted, the rest are fields of Order."""
    posted = new_order(**changes.pop("new", {}))
    new = orders.parse(NewOrder, posted)
    fields: dict[str, Any] = {
        "order_id": ORDER_ID,
        "customer_id": CUSTOMER,
        "status": OrderStatus.PLACED,
        **dict(new),
        "total": new.total,
        "version": 1,
        "placed_at": NOW,
        "updated_at": NOW,
        "fingerprint": orders.fingerprint(new),
        "correlation_id": "request-1",
    }
    return Order(**fields | changes)


def command(**changes: Any) -> dict[str, Any]:
    """The envelope that the door puts on the queue, as JSON values."""
    return {
        "type": "PlaceOrder",
        "version": 1,
        "order_id": ORDER_ID,
        "customer_id": CUSTOMER,
        "placed_at": NOW,
        "correlation_id": "request-1",
        "order": new_order(),
    } | changes


def fresh_order_id(customer_id: str = CUSTOMER) -> str:
    return order_ids.mint(SECRET, customer_id)


# --- what AWS wraps around them --------------------------------------------------------------------------------------


@dataclass
class LambdaContext:
    """The part of Lambda's context that handlers use."""

    remaining_ms: float = 15_000
    aws_request_id: str = "invocation-1"

    def get_remaining_time_in_millis(self) -> float:
        return self.remaining_ms


def sqs_event(*bodies: str) -> dict[str, Any]:
    """An event of an SQS mapping; a message's id is m0, m1, …"""
    return {
        "Records": [
            {
                "messageId": f"m{number}",
                "receiptHandle": f"handle-{number}",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1769860800000"},
                "messageAttributes": {},
                "md5OfBody": "-",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:orders-queue",
                "awsRegion": "us-east-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


Stored = Order | ErasedOrder | None


def stream_event(*changes: tuple[Stored, Stored]) -> dict[str, Any]:
    """An event of a stream mapping: one record per (before, after), with sequence numbers 100, 101, …"""
    return {"Records": [stream_record(before, after, 100 + n) for n, (before, after) in enumerate(changes)]}


def stream_record(before: Stored, after: Stored, sequence_number: int = 100) -> dict[str, Any]:
    name = "INSERT" if before is None else "REMOVE" if after is None else "MODIFY"
    stands = after or before
    change: dict[str, Any] = {
        "ApproximateCreationDateTime": 1769860800.0,
        "Keys": order_items.key(stands.order_id if stands else "?"),
        "SequenceNumber": str(sequence_number),
        "SizeBytes": 1,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    if before is not None:
        change["OldImage"] = order_items.to_item(before)
    if after is not None:
        change["NewImage"] = order_items.to_item(after)
    return {
        "eventID": uuid.uuid4().hex,
        "eventName": name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": change,
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/1",
    }


def http_event(
    method: str,
    path: str,
    *,
    resource: str | None = None,
    body: str | None = None,
    headers: Mapping[str, str] | None = None,
    authorizer: Mapping[str, Any] | None = None,
    request_id: str = "request-1",
) -> dict[str, Any]:
    """An event of API Gateway's Lambda proxy integration; `path` may have a query."""
    parts = urlsplit(path)
    query = parse_qs(parts.query, keep_blank_values=True)
    template = resource or parts.path
    names = [
        (name, value) for name, value in zip(template.split("/"), parts.path.split("/"), strict=True) if "{" in name
    ]
    return {
        "resource": template,
        "path": parts.path,
        "httpMethod": method,
        "headers": dict(headers or {}),
        "multiValueHeaders": {name: [value] for name, value in (headers or {}).items()},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": {name.strip("{}"): value for name, value in names} or None,
        "stageVariables": None,
        "body": body,
        "isBase64Encoded": False,
        "requestContext": {
            "resourcePath": template,
            "httpMethod": method,
            "path": f"/api{parts.path}",
            "requestId": request_id,
            "identity": {"sourceIp": "127.0.0.1"},
            "authorizer": dict(authorizer or {}),
        },
    }


# --- a client of the API ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def problem(self) -> str:
        """The slug of a problem's type; AssertionError when the answer is no whole problem."""
        assert self.headers["Content-Type"] == "application/problem+json", self
        document = self.json
        assert {"type", "title", "status", "detail", "instance"} <= document.keys(), document
        assert document["status"] == self.status
        assert document["instance"] == self.headers["X-Request-Id"]
        return str(document["type"]).removeprefix("urn:problem:orders:")


@dataclass
class ApiClient:
    """Calls the API's handler as API Gateway does, with what the authorizer made of a token."""

    app: Chalice
    subject: str = CUSTOMER
    scope: str = "orders/read orders/write"
    resources: Sequence[str] = field(default=("/orders/{order_id}", "/customers/{customer_id}/orders"))

    def authorizer(self) -> dict[str, str]:
        return {"sub": self.subject, "scope": self.scope, "exp": str(time.time() + 3600), "principalId": self.subject}

    def call(self, method: str, path: str, body: str | None = None, **headers: str) -> Answer:
        event = http_event(
            method,
            path,
            resource=self._resource(path),
            body=body,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            authorizer=self.authorizer(),
            request_id=str(uuid.uuid4()),
        )
        answer = self.app(event, LambdaContext())
        # Proxy integrations take every header in one of two maps.
        headers_out = {name: values[0] for name, values in answer.get("multiValueHeaders", {}).items()}
        return Answer(answer["statusCode"], headers_out | answer["headers"], answer["body"])

    def get(self, path: str, **headers: str) -> Answer:
        return self.call("GET", path, **headers)

    def post(self, path: str, value: Any, **headers: str) -> Answer:
        """Post a JSON value, or a text as it is."""
        text = value if isinstance(value, str) else json.dumps(value)
        return self.call("POST", path, text, **{"Content_Type": "application/json", **headers})

    def _resource(self, path: str) -> str:
        steps = urlsplit(path).path.split("/")
        for template in self.resources:
            names = template.split("/")
            if len(names) == len(steps) and all("{" in n or n == s for n, s in zip(names, steps, strict=True)):
                return template
        return urlsplit(path).path


# --- tokens ----------------------------------------------------------------------------------------------------------


def claims(**changes: Any) -> dict[str, Any]:
    """A customer's claims; a claim that is changed to None is left out."""
    now = int(time.time())
    defaults = {"iss": ISSUER, "aud": AUDIENCE, "sub": CUSTOMER, "scope": "orders/read", "iat": now, "exp": now + 600}
    return {name: value for name, value in (defaults | changes).items() if value is not None}


def sign(key: RSAKey | ECKey, content: Mapping[str, Any] | None = None, **header: Any) -> str:
    """A compact JWS with the key's own algorithm and kid, unless the header says otherwise."""
    algorithm = "RS256" if isinstance(key, RSAKey) else "ES256"
    return jwt.encode({"alg": algorithm, "kid": key.kid} | header, dict(content or claims()), key)
