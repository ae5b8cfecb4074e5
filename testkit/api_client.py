"""A client that calls the API's handler in this process, as API Gateway does."""

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from chalice.app import Chalice

from testkit.builders import CUSTOMER
from testkit.lambda_events import LambdaContext, http_event


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
        """The slug of a problem document's type; AssertionError when the document is incomplete."""
        assert self.headers["Content-Type"] == "application/problem+json", self
        document = self.json
        assert {"type", "title", "status", "detail", "instance"} <= document.keys(), document
        assert document["status"] == self.status
        assert document["instance"] == self.headers["X-Request-Id"]
        return str(document["type"]).removeprefix("urn:problem:orders:")


@dataclass
class ApiClient:
    """Calls the API's handler with the context that the authorizer returns for a customer's token."""

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
