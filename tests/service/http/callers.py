"""Callers of the API: in this process, behind a model of API Gateway, or over HTTP to the local run."""

import fnmatch
import functools
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
from chalice.app import Chalice
from joserfc.jwk import RSAKey

from chalicelib.http.auth.authorizer import Unauthorized
from chalicelib.http.auth.key_set import KeysUnavailable
from ordersctl.local.tokens import PRIVATE_KEY
from ordersctl.shared import project
from testkit.api_client import Answer
from testkit.lambda_events import LambdaContext, http_event, sqs_event
from testkit.tokens import claims, sign

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient

READER, CUSTOMER = "orders/read", "orders/read orders/write"
SERVICE, ADMIN = "orders/service", "orders/admin"
_API_ARN = "arn:aws:execute-api:us-east-1:000000000000:orders/api"


@functools.cache
def signing_key() -> RSAKey:
    return RSAKey.import_key(json.loads((project.default_state_dir() / PRIVATE_KEY).read_text()))


def local_claims(subject: str, scope: str = CUSTOMER, **changes: Any) -> dict[str, Any]:
    issuer, audience = project.setting("JWT_ISSUER"), project.setting("JWT_AUDIENCE")
    return claims(sub=subject, scope=scope, iss=issuer, aud=audience, jti=uuid.uuid4().hex, **changes)


def token(subject: str, scope: str = CUSTOMER) -> str:
    """A token of the local issuer."""
    return sign(signing_key(), local_claims(subject, scope))


Send = Callable[[str, str, str | None, Mapping[str, str]], Answer]


@dataclass(frozen=True)
class Caller:
    """A caller with a token. `send` takes the method, the path with its query, the body and headers."""

    send: Send
    authorization: str | None

    def call(self, method: str, path: str, value: Any = None, **headers: Any) -> Answer:
        """Send a JSON value, or a string unchanged; a header that is None is not sent."""
        body = value if isinstance(value, str | None) else json.dumps(value)
        given = {"Authorization": self.authorization, "Content-Type": None if body is None else "application/json"}
        given |= {name.replace("_", "-"): text for name, text in headers.items()}
        return self.send(method, path, body, {name: text for name, text in given.items() if text is not None})

    def get(self, path: str, **headers: Any) -> Answer:
        return self.call("GET", path, **headers)

    def post(self, value: Any, path: str = "/orders", **headers: Any) -> Answer:
        return self.call("POST", path, value, **headers)

    def patch(self, path: str, value: Any, **headers: Any) -> Answer:
        return self.call("PATCH", path, value, **headers)

    def delete(self, path: str, **headers: Any) -> Answer:
        return self.call("DELETE", path, **headers)


@dataclass(frozen=True)
class Service:
    """The functions of app.py, called as API Gateway and Lambda call them, and the table and queues they use."""

    functions: Any  # the module app
    dynamodb: "DynamoDBClient"
    sqs: "SQSClient"
    table: str
    queue_url: str
    dead_letter_queue_url: str
    cached_policies: dict[str, Any] = field(default_factory=dict)

    def caller(self, subject: str, scope: str = CUSTOMER) -> Caller:
        return Caller(self.send, f"Bearer {token(subject, scope)}")

    def send(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> Answer:
        app: Chalice = self.functions.app
        template = _template(app, urlsplit(path).path)
        context: Mapping[str, Any] = {}
        if app.routes[template][method].authorizer is not None:
            try:
                policy = self.policy(headers.get("Authorization"), method, path)
            except KeysUnavailable:  # the gateway response AUTHORIZER_FAILURE
                return Answer(503, {"X-Request-Id": "-", "Retry-After": "5"}, '{"message": null}')
            if policy is None:
                return Answer(401, {"X-Request-Id": "-"}, '{"message": "Unauthorized"}')
            if not _allows(policy, method, path):
                return Answer(403, {"X-Request-Id": "-"}, '{"message": "Forbidden"}')
            context = policy["context"] | {"principalId": policy["principalId"]}
        event = http_event(
            method,
            path,
            resource=template,
            body=body,
            headers=headers,
            authorizer=context,
            request_id=str(uuid.uuid4()),
        )
        answer = app(event, LambdaContext())
        out = {name: values[0] for name, values in answer.get("multiValueHeaders", {}).items()}
        return Answer(answer["statusCode"], out | answer["headers"], answer["body"])

    def policy(self, authorization: str | None, method: str, path: str) -> dict[str, Any] | None:
        """The authorizer's policy, cached per token as API Gateway does; None stands for API Gateway's 401."""
        if authorization is None:
            return None  # API Gateway does not call the authorizer when the header is missing
        if authorization not in self.cached_policies:
            event = {"type": "TOKEN", "authorizationToken": authorization, "methodArn": _arn(method, path)}
            try:
                self.cached_policies[authorization] = self.functions.authorizer(event, LambdaContext())
            except Unauthorized as error:
                if str(error) != "Unauthorized":
                    raise  # API Gateway makes a 500 of any other message
                return None
        policy: dict[str, Any] = json.loads(json.dumps(self.cached_policies[authorization]))
        assert all(isinstance(value, str) for value in policy["context"].values()), "API Gateway accepts strings only"
        return policy

    def take_messages(self, queue_url: str | None = None) -> list[dict[str, Any]]:
        """Receive and delete all messages of a queue."""
        taken: list[dict[str, Any]] = []
        url = queue_url or self.queue_url
        while got := self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0, MessageAttributeNames=["All"]
        ).get("Messages"):
            taken += [dict(message) for message in got]
            entries: Any = [{"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(got)]
            self.sqs.delete_message_batch(QueueUrl=url, Entries=entries)
        return taken

    def take_quarantined(self) -> list[dict[str, Any]]:
        return self.take_messages(self.dead_letter_queue_url)

    def process(self, *bodies: str) -> None:
        """Put messages through the processor as one batch, all of which must succeed."""
        report = self.functions.process_orders(sqs_event(*bodies), LambdaContext())
        assert report in (None, {"batchItemFailures": []}), report

    def process_all(self) -> None:
        while bodies := [message["Body"] for message in self.take_messages()]:
            for start in range(0, len(bodies), 10):
                self.process(*bodies[start : start + 10])

    def place(self, caller: Caller, order: Any, path: str = "/orders", **headers: Any) -> str:
        """Place an order and have it stored; returns its id."""
        accepted = caller.post(order, path, **headers)
        assert accepted.status == 202, accepted
        self.process_all()
        return str(accepted.json["order_id"])

    def items(self) -> list[dict[str, Any]]:
        """All items of the table."""
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=self.table)
        return sorted((item for page in pages for item in page["Items"]), key=lambda item: str(item["order_id"]))


def over_http(client: httpx.Client) -> Send:
    def send(method: str, path: str, body: str | None, headers: Mapping[str, str]) -> Answer:
        answer = client.request(method, path, content=body, headers=dict(headers))
        # As the handler wrote them: httpx has names in lower case, and Date and Server are the server's own.
        names = {"-".join(part.capitalize() for part in name.split("-")): text for name, text in answer.headers.items()}
        names = {"ETag" if name == "Etag" else name: text for name, text in names.items()}
        return Answer(answer.status_code, names, answer.text)

    return send


def _template(app: Chalice, path: str) -> str:
    steps = path.split("/")
    for template in app.routes:
        names = template.split("/")
        if len(names) == len(steps) and all("{" in n or n == s for n, s in zip(names, steps, strict=True)):
            return template
    raise AssertionError(f"no route for {path}")


def _arn(method: str, path: str) -> str:
    return f"{_API_ARN}/{method}{urlsplit(path).path}"


def _allows(policy: Mapping[str, Any], method: str, path: str) -> bool:
    statements = policy["policyDocument"]["Statement"]
    return any(
        statement["Effect"] == "Allow" and fnmatch.fnmatchcase(_arn(method, path), resource)
        for statement in statements
        for resource in statement["Resource"]
    )
