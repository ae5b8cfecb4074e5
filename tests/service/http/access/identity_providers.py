"""What the access tokens of identity providers hold, and the settings that a stage needs for them."""

from dataclasses import dataclass, field
from typing import Any


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
        {**NO_SCOPE, "ver": "2.0", "oid": "0f8fad5b-d9cb-469f-a165-70867728950e",
         "sub": "0f8fad5b-d9cb-469f-a165-70867728950e", "roles": ["orders/service"]},
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
