"""The API behind an HTTP API: events of payload format 1.0, whose JWT authorizer has checked the token.

The events are AWS's own: API Gateway guide, "Create AWS Lambda proxy integrations for HTTP APIs", payload format 1.0.
"""

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from testkit.builders import new_order
from testkit.lambda_events import LambdaContext
from tests.service.http.callers import Service

SCOPES = "orders/read orders/write"


def payload(
    method: str, path: str, resource: str, *, body: str | None = None, claims: dict[str, str], **headers: str
) -> Any:
    """AWS's example of an event with this request in it; a stage that is not $default stands in its path."""
    parts = urlsplit(path)
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(parts.query):
        query.setdefault(name, []).append(value)
    named = zip(resource.split("/"), parts.path.split("/"), strict=True)
    sent = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return {
        "version": "1.0",
        "resource": resource,
        "path": f"/prod{parts.path}",
        "httpMethod": method,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "id",
            "authorizer": {"claims": claims, "scopes": None},
            "domainName": "id.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "id",
            "extendedRequestId": "request-id",
            "httpMethod": method,
            "identity": {"sourceIp": "192.0.2.1", "userAgent": "user-agent", "clientCert": None},
            "path": f"/prod{parts.path}",
            "protocol": "HTTP/1.1",
            "requestId": "id=",
            "requestTime": "04/Mar/2020:19:15:17 +0000",
            "requestTimeEpoch": 1583349317135,
            "resourceId": None,
            "resourcePath": resource,
            "stage": "prod",
        },
        "pathParameters": {name.strip("{}"): value for name, value in named if "{" in name} or None,
        "stageVariables": None,
        "body": body,
        "isBase64Encoded": False,
    }


def send(service: Service, *request: str, claims: dict[str, str] | None = None, **given: str) -> Any:
    event = payload(*request, claims=claims or {"sub": "ann", "scope": SCOPES}, **given)
    return service.functions.app(event, LambdaContext())


ONE, LIST = "/orders/{order_id}", "/customers/{customer_id}/orders"


def test_an_order_is_placed_read_listed_and_changed(service: Service) -> None:
    placed = send(service, "POST", "/orders", "/orders", body=json.dumps(new_order()), Idempotency_Key="http-api-1")
    assert placed["statusCode"] == 202
    location = placed["multiValueHeaders"].get("Location", [placed["headers"].get("Location")])[0]
    order_id = json.loads(placed["body"])["order_id"]
    assert location == f"/prod/orders/{order_id}"
    assert send(service, "GET", f"/orders/{order_id}", ONE)["statusCode"] == 200
    assert send(service, "HEAD", f"/orders/{order_id}", ONE)["statusCode"] == 200
    assert send(service, "GET", f"/orders?order_id={order_id}&order_id=ord_x", "/orders")["statusCode"] == 200
    assert send(service, "GET", "/customers/ann/orders?limit=1", LIST)["statusCode"] == 200
    another = send(service, "GET", f"/orders/{order_id}", ONE, claims={"sub": "bob", "scope": SCOPES})
    assert another["statusCode"] == 404


def test_an_order_that_is_stored_is_changed_and_erased(service: Service) -> None:
    order_id = service.place(service.caller("ann"), new_order())
    path = f"/orders/{order_id}"
    changed = send(service, "PATCH", path, ONE, body='{"note": "leave it"}', If_Match="*")
    assert (changed["statusCode"], json.loads(changed["body"])["note"]) == (200, "leave it")
    administrator = {"sub": "admin", "scope": "orders/admin"}
    erased = send(service, "DELETE", f"{path}?customer_id=ann", ONE, claims=administrator)
    assert erased["statusCode"] == 204


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"sub": "ann", "scope": "[orders/read orders/write]"}, 200),  # a list, as an HTTP API writes it
        ({"sub": "ann", "scope": "[]"}, 403),
        ({"sub": "ann"}, 403),
        ({"sub": "[ann]", "scope": SCOPES}, 403),
        ({"sub": "1.785e+04", "scope": SCOPES}, 403),
    ],
    ids=str,
)
def test_claims_are_texts_and_only_a_name_is_a_customer(service: Service, claims: dict[str, str], status: int) -> None:
    assert send(service, "GET", "/customers/ann/orders", LIST, claims=claims)["statusCode"] == status


def test_routes_without_a_token_need_no_claims(service: Service) -> None:
    assert send(service, "GET", "/health", "/health")["statusCode"] == 200
    assert send(service, "GET", "/openapi.json", "/openapi.json")["statusCode"] == 200
