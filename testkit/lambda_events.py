"""The events that Lambda hands to handlers: of an SQS queue, of a DynamoDB stream, and of API Gateway."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chalicelib.adapters import order_items
from chalicelib.domain.orders import ErasedOrder, Order
from chalicelib.settings import Spread


@dataclass
class LambdaContext:
    """The part of Lambda's context that handlers use."""

    remaining_ms: float = 15_000
    aws_request_id: str = "invocation-1"

    def get_remaining_time_in_millis(self) -> float:
        return self.remaining_ms


def sqs_event(*bodies: str) -> dict[str, Any]:
    """An event of an SQS queue; the messages have ids m0, m1, …"""
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
    """An event of a stream: one record per (before, after), with sequence numbers 100, 101, …"""
    return {"Records": [stream_record(before, after, 100 + n) for n, (before, after) in enumerate(changes)]}


def stream_record(
    before: Stored, after: Stored, sequence_number: int = 100, spread: Spread = MappingProxyType({})
) -> dict[str, Any]:
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
        change["OldImage"] = order_items.to_item(before, spread)
    if after is not None:
        change["NewImage"] = order_items.to_item(after, spread)
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
