"""Access tokens as identity providers issue them, with the settings that docs/operate/identity-providers.md names."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from testkit.builders import new_order
from testkit.tokens import sign
from tests.service.http.callers import Caller, Service, local_claims, signing_key
from tests.service.http.conftest import ServiceWith


@dataclass(frozen=True)
class Provider:
    """What distinguishes a provider's tokens: claims that are None are not in them."""

    customers_token: dict[str, Any]
    customer: str
    services_token: dict[str, Any]
    settings: dict[str, str] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)


NO_SCOPE: dict[str, Any] = {"scope": None}
PROVIDERS = {
    "Auth0": Provider(
        {"sub": "5f7c8ec7c33c6c004bbafe82", "aud": ["orders", "https://shop.eu.auth0.com/userinfo"], "azp": "spa",
         "scope": "openid profile orders/read orders/write"},
        "5f7c8ec7c33c6c004bbafe82",
        {"sub": "m2mclient@clients", "azp": "m2mclient", "gty": "client-credentials", "scope": "orders/service"},
        header={"typ": "at+jwt"},
    ),
    "Auth0 with permissions": Provider(
        {"sub": "google", "https://shop.example/customer": 17850, "scope": "openid",
         "permissions": ["orders/read", "orders/write"]},
        "17850",
        {"sub": "m2mclient@clients", "scope": None, "permissions": ["orders/service"]},
        {"SCOPE_CLAIM": "permissions", "CUSTOMER_CLAIM": "https://shop.example/customer"},
    ),
    "Cognito": Provider(
        {"aud": None, "client_id": "orders", "token_use": "access", "username": "ann", "version": 2,
         "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "scope": "orders/read orders/write",
         "cognito:groups": ["customers"]},
        "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        {"aud": None, "client_id": "orders", "token_use": "access", "sub": "orders", "scope": "orders/service"},
        {"AUDIENCE_CLAIM": "client_id"},
    ),
    "Entra ID": Provider(
        {**NO_SCOPE, "ver": "2.0", "oid": "00000000-0000-0000-66f3-3332eca7ea81", "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFV",
         "scp": "orders/read orders/write", "tid": "9122040d-6c67-4c5b-b112-36a304b66dad"},
        "00000000-0000-0000-66f3-3332eca7ea81",
        {**NO_SCOPE, "ver": "2.0", "oid": "0f8fad5b-d9cb-469f-a165-70867728950e", "roles": ["orders/service"]},
        {"SCOPE_CLAIM": "scp roles", "CUSTOMER_CLAIM": "oid"},
    ),
    "Okta": Provider(
        {**NO_SCOPE, "ver": 1, "sub": "ann-lee", "uid": "00u1a2b3c4D5e6F7g8h9", "cid": "0oa1",
         "scp": ["openid", "orders/read", "orders/write"]},
        "00u1a2b3c4D5e6F7g8h9",
        {**NO_SCOPE, "ver": 1, "sub": "0oa1", "cid": "0oa1", "scp": ["orders/service"]},
        {"SCOPE_CLAIM": "scp", "CUSTOMER_CLAIM": "uid"},
    ),
    "Keycloak": Provider(
        {"sub": "4a3f6d1e-6f7b-4c53-a0f6-4a4a7c9b7b11", "aud": ["orders", "account"], "azp": "shop", "typ": "Bearer",
         "preferred_username": "ann", "realm_access": {"roles": ["offline_access"]},
         "scope": "profile email orders/read orders/write"},
        "4a3f6d1e-6f7b-4c53-a0f6-4a4a7c9b7b11",
        {"aud": "orders", "azp": "backend", "sub": "service-account", "scope": "orders/service"},
    ),
}  # fmt: skip


@pytest.fixture(scope="module", params=PROVIDERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def provider(name: str) -> Provider:
    return PROVIDERS[name]


@pytest.fixture(scope="module")
def configured(provider: Provider, service_with: ServiceWith) -> Service:
    return service_with(**provider.settings)


def caller(service: Service, provider: Provider, **changes: Any) -> Caller:
    claims = {name: value for name, value in (local_claims("nobody") | changes).items() if value is not None}
    return Caller(service.send, f"Bearer {sign(signing_key(), claims, **provider.header)}")


def test_a_customer_orders_and_reads_and_a_service_acts_for_them(configured: Service, provider: Provider) -> None:
    customer = caller(configured, provider, **provider.customers_token)
    order_id = configured.place(customer, new_order())
    assert customer.get(f"/orders/{order_id}").json["customer_id"] == provider.customer
    assert customer.patch(f"/orders/{order_id}", {"status": "confirmed"}, If_Match="*").status == 403

    service = caller(configured, provider, **provider.services_token)
    assert service.patch(f"/orders/{order_id}", {"status": "confirmed"}, If_Match="*").json["status"] == "confirmed"
    assert service.post(new_order()).problem == "customer-required"


def test_at_its_defaults_the_service_takes_no_more_than_it_should(
    service: Service, provider: Provider, name: str
) -> None:
    """Which settings a provider needs: without them its tokens give no access, and never too much of it."""
    answer = caller(service, provider, **provider.customers_token).post(new_order())
    assert answer.status == (202 if name in {"Auth0", "Keycloak"} else 401 if name == "Cognito" else 403)
