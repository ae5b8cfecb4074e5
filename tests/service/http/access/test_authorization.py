"""Every operation with every kind of token, in process and over HTTP."""

import functools
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from joserfc.jwk import RSAKey

from ordersctl.deploy.overlay.gateway_responses import gateway_responses
from testkit.builders import new_order
from testkit.tokens import sign
from testkit.waiting import eventually
from tests.service.http.callers import (
    ADMIN,
    CUSTOMER,
    READER,
    SERVICE,
    Caller,
    Send,
    Service,
    local_claims,
    over_http,
    signing_key,
    token,
)
from tests.service.http.conftest import HttpCallers
from tests.unit.http.auth.keys import base64url

# What each kind of token gets: a status, and the problem's slug where there is one. A token that cannot be trusted
# gets 401 from every operation.
UNTRUSTED = {
    "no token": (401, None),
    "malformed": (401, None),
    "another scheme": (401, None),
    "wrong key": (401, None),
    "wrong issuer": (401, None),
    "wrong audience": (401, None),
    "expired": (401, None),
    "not valid yet": (401, None),
    "alg none": (401, None),
    "HS256 with the public key": (401, None),
    "claims changed": (401, None),
}
FORBIDDEN, MISSING = (403, "forbidden"), (404, "not-found")
OUTCOMES: dict[str, dict[str, tuple[int, str | None]]] = {
    "POST /orders": UNTRUSTED
    | {
        "no scope": FORBIDDEN,
        "reading only": FORBIDDEN,
        "owner": (202, None),
        "other customer": (202, None),  # places an order of their own
        "service": (400, "customer-required"),
        "service naming the customer": (202, None),
        "other customer naming the customer": FORBIDDEN,
        "admin": FORBIDDEN,
    },
    "GET /orders": UNTRUSTED
    | {
        "no scope": FORBIDDEN,
        "reading only": (200, None),
        "owner": (200, None),
        "other customer": (200, None),  # the order is missing
        "service": (200, None),
        "service naming the customer": (200, None),
        "other customer naming the customer": FORBIDDEN,
        "admin": FORBIDDEN,
    },
    "GET /orders/{order_id}": UNTRUSTED
    | {
        "no scope": FORBIDDEN,
        "reading only": (200, None),
        "owner": (200, None),
        "other customer": MISSING,
        "service": (200, None),
        "service naming the customer": (200, None),
        "other customer naming the customer": FORBIDDEN,
        "admin": FORBIDDEN,
    },
    "PATCH /orders/{order_id}": UNTRUSTED
    | {
        "no scope": FORBIDDEN,
        "reading only": FORBIDDEN,
        "owner": (200, None),
        "other customer": MISSING,
        "service": (200, None),
        "service naming the customer": (200, None),
        "other customer naming the customer": FORBIDDEN,
        "admin": FORBIDDEN,
    },
    "DELETE /orders/{order_id}": UNTRUSTED
    | {
        "no scope": FORBIDDEN,
        "reading only": FORBIDDEN,
        "owner": FORBIDDEN,
        "other customer": FORBIDDEN,
        "service": FORBIDDEN,
        "service naming the customer": FORBIDDEN,
        "other customer naming the customer": FORBIDDEN,
        "admin": (204, None),
    },
    "GET /customers/{customer_id}/orders": UNTRUSTED
    | {
        "no scope": FORBIDDEN,
        "reading only": (200, None),
        "owner": (200, None),
        "other customer": FORBIDDEN,
        "service": (200, None),
        "service naming the customer": (400, "invalid-parameter"),  # the path names the customer
        "other customer naming the customer": FORBIDDEN,
        "admin": FORBIDDEN,
    },
}
# HEAD is answered as GET is, without the body.
OUTCOMES |= {
    operation.replace("GET ", "HEAD "): {kind: (status, None) for kind, (status, _) in outcomes.items()}
    for operation, outcomes in OUTCOMES.items()
    if operation.startswith("GET ")
}
PUBLIC = {f"{method} {path}" for path in ("/openapi.json", "/health", "/") for method in ("GET", "HEAD")}
CASES = [(operation, kind) for operation, outcomes in OUTCOMES.items() for kind in outcomes]


@dataclass(frozen=True)
class World:
    """An order of `owner` that is stored, and a way to call."""

    send: Send
    owner: str
    order_id: str

    def ask(self, operation: str, kind: str) -> tuple[int, str | None]:
        method, template = operation.split()
        path = template.format(order_id=self.order_id, customer_id=self.owner)
        query = {"order_id": self.order_id} if template == "/orders" and method != "POST" else {}
        if "naming the customer" in kind or method == "DELETE":  # an erasure always names the customer
            query["customer_id"] = self.owner
        path += f"?{urlencode(query)}" if query else ""
        value: Any = {"POST": new_order(), "PATCH": {"note": uuid.uuid4().hex}}.get(method)
        headers = {"If_Match": "*"} if method == "PATCH" else {}
        answer = Caller(self.send, authorization(kind, self.owner)).call(method, path, value, **headers)
        if answer.status == 401:
            return 401, None
        return answer.status, answer.problem if answer.status >= 400 and method != "HEAD" else None


def authorization(kind: str, owner: str) -> str | None:
    key, content = signing_key(), local_claims(owner)
    good = sign(key, content)
    made: dict[str, Callable[[], str | None]] = {
        "no token": lambda: None,
        "malformed": lambda: "Bearer nonsense",
        "another scheme": lambda: f"Basic {good}",
        "wrong key": lambda: f"Bearer {sign(other_key(key.kid), content)}",
        "wrong issuer": lambda: f"Bearer {sign(key, content | {'iss': 'https://issuer.example'})}",
        "wrong audience": lambda: f"Bearer {sign(key, content | {'aud': 'invoices'})}",
        "expired": lambda: f"Bearer {sign(key, content | {'exp': content['iat'] - 60})}",
        "not valid yet": lambda: f"Bearer {sign(key, content | {'nbf': content['iat'] + 300})}",
        "alg none": lambda: f"Bearer {_unsigned(content)}.",
        "HS256 with the public key": lambda: f"Bearer {_hs256(key, content)}",
        "claims changed": lambda: f"Bearer {_with_claims(good, content | {'sub': 'someone'})}",
        "no scope": lambda: f"Bearer {token(owner, '')}",
        "reading only": lambda: f"Bearer {token(owner, READER)}",
        "owner": lambda: f"Bearer {good}",
        "other customer": lambda: f"Bearer {token('mallory', CUSTOMER)}",
        "other customer naming the customer": lambda: f"Bearer {token('mallory', CUSTOMER)}",
        "service": lambda: f"Bearer {token('shop', SERVICE)}",
        "service naming the customer": lambda: f"Bearer {token('shop', SERVICE)}",
        "admin": lambda: f"Bearer {token('root', ADMIN)}",
    }
    return made[kind]()


@functools.cache
def other_key(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid})


def _unsigned(content: dict[str, Any], algorithm: str = "none", **header: Any) -> str:
    head = {"alg": algorithm, "typ": "JWT"} | header
    return ".".join(base64url(json.dumps(part).encode()) for part in (head, content))


def _hs256(key: RSAKey, content: dict[str, Any]) -> str:
    message = _unsigned(content, "HS256", kid=key.kid)
    return f"{message}.{base64url(hmac.digest(key.as_pem(private=False), message.encode(), hashlib.sha256))}"


def _with_claims(signed: str, content: dict[str, Any]) -> str:
    head, _, signature = signed.split(".")
    return f"{head}.{base64url(json.dumps(content).encode())}.{signature}"


def operations(service: Service) -> set[str]:
    routes = service.functions.app.routes
    return {f"{method} {template}" for template, methods in routes.items() for method in methods}


@pytest.fixture
def in_process(service: Service) -> World:
    owner = f"owner-{uuid.uuid4().hex[:8]}"
    return World(service.send, owner, service.place(service.caller(owner), new_order()))


@pytest.fixture
def on_the_wire(over_the_wire: HttpCallers) -> World:
    owner = f"owner-{uuid.uuid4().hex[:8]}"
    caller = over_the_wire(owner)
    order_id = caller.post(new_order()).json["order_id"]
    eventually(lambda: caller.get(f"/orders/{order_id}").json["status"] == "placed")
    return World(over_http(over_the_wire.client), owner, order_id)


def test_every_operation_has_a_row_in_the_table(service: Service) -> None:
    assert operations(service) == OUTCOMES.keys() | PUBLIC


def test_every_operation_but_the_public_ones_is_behind_the_authorizer(service: Service) -> None:
    routes = service.functions.app.routes
    for operation in operations(service):
        method, template = operation.split()
        assert (routes[template][method].authorizer is None) == (operation in PUBLIC), operation


@pytest.mark.parametrize("operation", sorted(PUBLIC))
def test_public_operations_need_no_token(service: Service, operation: str) -> None:
    method, path = operation.split()
    assert Caller(service.send, None).call(method, path).status == 200
    assert Caller(service.send, "Bearer nonsense").call(method, path).status == 200


@pytest.mark.parametrize(("operation", "kind"), CASES)
def test_every_token_gets_what_the_table_says(in_process: World, operation: str, kind: str) -> None:
    assert in_process.ask(operation, kind) == OUTCOMES[operation][kind]


@pytest.mark.parametrize("operation", OUTCOMES)
def test_every_token_gets_the_same_over_http(on_the_wire: World, operation: str) -> None:
    # The kind that erases is the last.
    answers = {kind: on_the_wire.ask(operation, kind) for kind in OUTCOMES[operation]}
    assert answers == OUTCOMES[operation]


def test_a_cached_policy_opens_every_route_whichever_was_called_first(service: Service) -> None:
    """The views decide what a token may do: a policy that named one route would be wrong for another while cached."""
    for scope in (CUSTOMER, READER, SERVICE, ADMIN, ""):
        policies = []
        for method, path in (("GET", "/orders/ord_1"), ("POST", "/orders"), ("DELETE", "/orders/a/b")):
            service.cached_policies.clear()
            signed = f"Bearer {token('ann', scope)}"
            policy = service.policy(signed, method, path)
            assert policy is not None
            policies.append(policy["policyDocument"])
        assert policies[0] == policies[1] == policies[2]
        assert [s["Resource"] for s in policies[0]["Statement"]] == [
            ["arn:aws:execute-api:us-east-1:000000000000:orders/api/*/*"]
        ]


def test_a_token_that_expires_while_its_policy_is_cached_is_refused(service: Service) -> None:
    caller = service.caller("ann")
    assert caller.get("/customers/ann/orders").status == 200
    assert caller.authorization is not None
    service.cached_policies[caller.authorization]["context"]["exp"] = "1000000000"

    answer = caller.get("/customers/ann/orders")
    assert (answer.status, answer.problem) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    expired = gateway_responses({})["EXPIRED_TOKEN"]  # where API Gateway checks the token itself
    assert answer.json["detail"] in expired["responseTemplates"]["application/json"]
    header = expired["responseParameters"]["gatewayresponse.header.WWW-Authenticate"]
    assert header == f"'{answer.headers['WWW-Authenticate']}'"
