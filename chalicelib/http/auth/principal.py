"""The caller and what the caller may do: one value, whichever authorizer checked the token."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.orders import CUSTOMER_ID_PATTERN
from chalicelib.domain.request_context import PlacedBy
from chalicelib.http.auth.claims import gateway_identity, gateway_list, identity, scopes
from chalicelib.http.problems import Problem

READ, WRITE, SERVICE, ADMIN = "orders/read", "orders/write", "orders/service", "orders/admin"
_CUSTOMER_ID = re.compile(CUSTOMER_ID_PATTERN)
_WHAT_A_CUSTOMER_ID_IS = "customer_id is 1 to 128 visible ASCII characters, none of / \\ # ? %, and not . or .."


@dataclass(frozen=True, slots=True)
class Principal:
    subject: str
    customer: str
    scopes: frozenset[str]

    @classmethod
    def from_authorizer(
        cls, context: Mapping[str, Any], *, customer_claim: str, scope_claim: str = "scope"
    ) -> "Principal":
        """Read the request context of the built-in authorizer, or of a gateway that checked the token itself.

        Raises Problem 401 for a token that has expired.
        """
        claims = context.get("claims")
        if isinstance(claims, Mapping):
            customer = gateway_identity(claims.get(customer_claim))
            # An HTTP API's authorizer adds `scopes`; only there, brackets are those of a list.
            is_http_api = "scopes" in context
            readable = {name: gateway_list(each) for name, each in claims.items()} if is_http_api else claims
            granted = scopes(readable, scope_claim)
        else:
            claims = context
            granted = scopes(context, "scope")  # the authorizer has read the claim, and gives it this name
            _refuse_expired(context.get("exp"))
            customer = identity(context.get(customer_claim))
        return cls(
            subject=identity(claims.get("sub")),
            customer=customer,
            scopes=frozenset(granted),
        )

    @property
    def is_service(self) -> bool:
        return SERVICE in self.scopes

    @property
    def placed_by(self) -> PlacedBy:
        """What an order that it places is marked with."""
        return "service" if self.is_service else "customer"

    def require(self, scope: str) -> None:
        """Raises Problem 403 unless the token has the scope. A service may do what a customer may."""
        if scope in self.scopes or (self.is_service and scope in {READ, WRITE}):
            return
        raise Problem("forbidden", 403, f"This needs the scope {scope}")

    # Each of the next three is given the customer whom the query or the path names, if any, and raises Problem when the
    # caller may not act for that customer. Whether an order is that owner's: chalicelib/application/manage.py.

    def customer_to_act_for(self, named: str | None) -> str:
        """The customer whose orders are placed or listed: the caller's own id, or the one that a service names."""
        return _required(named) if self.is_service else self._own_or_named(named)

    def required_owner(self, named: str | None) -> str | None:
        """The customer to whom an order must belong; None for a service that names no customer."""
        return None if self.is_service and named is None else self._own_or_named(named)

    def owner_to_erase(self, named: str | None) -> str:
        """The customer to whom an order must belong to be erased: the one that an administrator names."""
        self.require(ADMIN)
        return _required(named)

    def _own_or_named(self, named: str | None) -> str:
        if named is not None:
            _required(named)
            if self.is_service:
                return named
        if not _CUSTOMER_ID.fullmatch(self.customer):
            raise Problem("forbidden", 403, "The token names no customer")
        if named not in (None, self.customer):
            raise Problem("forbidden", 403, "The token is another customer's")
        return self.customer


def _required(named: str | None) -> str:
    if named is None:
        raise Problem("customer-required", 400, "Name the customer: ?customer_id=…")
    if not _CUSTOMER_ID.fullmatch(named):
        raise Problem("invalid-parameter", 400, _WHAT_A_CUSTOMER_ID_IS)
    return named


def _refuse_expired(moment: object) -> None:
    """API Gateway caches the authorizer's policy for minutes, which may be longer than the token is valid."""
    try:
        is_expired = not float(str(moment)) >= time.time()  # so NaN is expired
    except ValueError:
        is_expired = True
    if is_expired:
        headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}  # RFC 6750, section 3.1
        raise Problem("unauthorized", 401, "The token has expired: get a new one", headers=headers)
