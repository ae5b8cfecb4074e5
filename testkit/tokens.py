"""Access tokens: claims with defaults, and signed tokens."""

import time
from collections.abc import Mapping
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from testkit.builders import CUSTOMER

ISSUER, AUDIENCE = "https://issuer.example", "orders"


def claims(**changes: Any) -> dict[str, Any]:
    """A customer's claims; a claim that is changed to None is left out."""
    now = int(time.time())
    defaults = {"iss": ISSUER, "aud": AUDIENCE, "sub": CUSTOMER, "scope": "orders/read", "iat": now, "exp": now + 600}
    return {name: value for name, value in (defaults | changes).items() if value is not None}


def sign(key: RSAKey | ECKey, content: Mapping[str, Any] | None = None, **header: Any) -> str:
    """A compact JWS with the key's own algorithm and kid, unless the header says otherwise."""
    algorithm = "RS256" if isinstance(key, RSAKey) else "ES256"
    return jwt.encode({"alg": algorithm, "kid": key.kid} | header, dict(content or claims()), key)
