"""API Gateway's integration with SQS, as the packaged template describes it, rendered by a Velocity engine."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

import airspeed
import httpx
from jsonschema import Draft4Validator

from chalicelib.http.auth.principal import WRITE
from testkit import builders

# 2026-01-31T12:00:00.042Z, in the two forms that API Gateway gives.
REQUEST_TIME, REQUEST_TIME_EPOCH = "31/Jan/2026:12:00:00 +0000", "1769860800042"
PLACED_AT = "2026-01-31T12:00:00.042Z"


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class JavaText(str):
    """A text with the methods of Java's String that the templates call on parameters."""

    __slots__ = ()

    def matches(self, pattern: str) -> bool:
        return re.fullmatch(pattern, self) is not None

    def replaceAll(self, pattern: str, replacement: str) -> "JavaText":  # noqa: N802 - Java's name
        return JavaText(re.sub(pattern, replacement, self))

    def startsWith(self, beginning: str) -> bool:  # noqa: N802 - Java's name
        return self.startswith(beginning)

    def toLowerCase(self) -> str:  # noqa: N802 - Java's name
        return self.lower()


class JavaMap:
    """A map with the methods of Java's Map that the templates call."""

    def __init__(self, entries: Mapping[str, str]) -> None:
        self._entries = {JavaText(name): JavaText(value) for name, value in entries.items()}

    def keySet(self) -> list[JavaText]:  # noqa: N802 - Java's name
        return list(self._entries)

    def get(self, name: str) -> JavaText | None:
        return self._entries.get(JavaText(name))


@dataclass(frozen=True)
class Parameters:
    """A request's parameters by where they stand, each name in the case in which the client sent it."""

    header: JavaMap
    querystring: JavaMap
    path: JavaMap = field(default_factory=lambda: JavaMap({}))

    @classmethod
    def of(cls, headers: Mapping[str, str], query: Mapping[str, str]) -> "Parameters":
        return cls(JavaMap(headers), JavaMap(query))


class Input:
    """$input: json() is the body, parsed and written again by API Gateway."""

    def __init__(self, body: str, parameters: Parameters) -> None:
        self.body = body
        self._parameters = parameters

    def params(self, name: str | None = None) -> Any:
        """Return all parameters, or one: the first of path, query string and header, "" when it is missing.

        API Gateway guide, "Variables for data transformations": `$input.params(x)` is "the value of a method request
        parameter from the path, query string, or header value (searched in that order)".
        """
        if name is None:
            return self._parameters
        places = (self._parameters.path, self._parameters.querystring, self._parameters.header)
        return next((found for place in places if (found := place.get(name)) is not None), JavaText(""))

    def json(self, path: str) -> str:
        assert path == "$"
        return json.dumps(json.loads(self.body), ensure_ascii=False)


class Util:
    """$util: urlEncode is Java's URLEncoder, which writes a space as +."""

    def urlEncode(self, text: str) -> JavaText:  # noqa: N802 - API Gateway's name
        return JavaText(quote_plus(text))


@dataclass
class DirectGateway:
    """POST /orders of a packaged template with DirectAccept, its queue at `queue_url`."""

    operation: dict[str, Any]
    definitions: dict[str, Any]
    queue_url: str
    http: httpx.Client
    with_cognito: bool = False
    validators: dict[str, Draft4Validator] = field(default_factory=dict)
    compiled: dict[str, airspeed.Template] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        template: dict[str, Any],
        queue_url: str,
        http: httpx.Client,
        *,
        with_cognito: bool = False,
        with_checked_prices: bool = False,
        spread_customers: str = "",
    ) -> "DirectGateway":
        body = template["Resources"]["RestAPI"]["Properties"]["Body"]
        conditions = {
            "WithDirectAccept": True,
            "WithCognito": with_cognito,
            "WithCheckedPrices": with_checked_prices,
        }
        parameters = {"CustomerClaim": "sub", "ScopeClaim": "scope", "SpreadCustomers": spread_customers}
        post = resolved(body["paths"]["/orders"]["post"], conditions, parameters)
        return cls(post, body["definitions"], queue_url, http, with_cognito)

    def post(
        self,
        body: str,
        key: str | None = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **claims: str,
    ) -> Reply:
        """Answer a request as API Gateway would, whose authorizer found the claims."""
        sent = dict(headers or {}) | ({} if key is None else {"Idempotency-Key": key})
        parameters = Parameters.of(sent, query or {})
        if not self._is_valid(body):
            return Reply(400, {}, "BAD_REQUEST_BODY")
        found = {"sub": builders.CUSTOMER, "scope": WRITE} | claims
        context = {
            "authorizer": {"claims": found} if self.with_cognito else found,
            "requestId": "request-1",
            "requestTime": REQUEST_TIME,
            "requestTimeEpoch": REQUEST_TIME_EPOCH,
            "path": "/prod/orders",
        }
        integration = self.operation["x-amazon-apigateway-integration"]
        request = self._rendered(integration["requestTemplates"]["application/json"], body, parameters, context)
        answer = self._ask(request)
        return self._answered(integration["responses"], answer, parameters, context)

    def _is_valid(self, body: str) -> bool:
        (name,) = (
            each["schema"]["$ref"].rpartition("/")[2] for each in self.operation["parameters"] if "schema" in each
        )
        try:
            return bool(
                self.validators.setdefault(name, Draft4Validator(self.definitions[name])).is_valid(json.loads(body))
            )
        except ValueError:
            return False

    def _ask(self, request: str) -> httpx.Response:
        scope = "Credential=local/20260131/us-east-1/sqs/aws4_request"
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0",
        }
        return self.http.post(self.queue_url, content=request.encode(), headers=headers)

    def _answered(
        self,
        responses: Mapping[str, Any],
        answer: httpx.Response,
        parameters: Parameters,
        context: dict[str, Any],
    ) -> Reply:
        patterns = (name for name in responses if name != "default" and re.fullmatch(name, str(answer.status_code)))
        response = responses[next(patterns, "default")]
        override: dict[str, Any] = {"header": {}, "status": int(response["statusCode"])}
        body = self._rendered(
            response["responseTemplates"]["application/json"],
            answer.text,
            parameters,
            context | {"responseOverride": override},
        )
        headers = {
            name.removeprefix("method.response.header."): value.strip("'")
            for name, value in response["responseParameters"].items()
        }
        return Reply(override["status"], headers | override["header"], body)

    def _rendered(self, template: str, body: str, parameters: Parameters, context: dict[str, Any]) -> str:
        compiled = self.compiled.setdefault(template, airspeed.Template(template))
        rendered: str = compiled.merge({"input": Input(body, parameters), "util": Util(), "context": context})
        return rendered


def resolved(value: Any, conditions: Mapping[str, bool], parameters: Mapping[str, str]) -> Any:
    """Return a part of a template with its conditions, parameters and joins resolved."""
    match value:
        case {"Fn::If": [condition, yes, no]}:
            return resolved(yes if conditions.get(condition) else no, conditions, parameters)
        case {"Fn::Join": [separator, parts]}:
            return separator.join(resolved(each, conditions, parameters) for each in parts)
        case {"Ref": name} if name in parameters:
            return parameters[name]
        case dict():
            return {name: resolved(each, conditions, parameters) for name, each in value.items()}
        case list():
            return [resolved(each, conditions, parameters) for each in value]
    return value


def queued(gateway: DirectGateway, sqs: Any) -> list[dict[str, Any]]:
    """Take every message off the queue."""
    found, url = [], gateway.queue_url
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0).get("Messages"):
        for message in messages:
            found.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found
