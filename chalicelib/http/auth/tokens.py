"""Checking bearer tokens: JWS compact (RFC 7515) with RS256, PS256 or ES256, claims by RFC 7519 and RFC 8725.

joserfc parses tokens, verifies signatures and validates the registered claims. This module says with which keys, which
claims are required, and what is refused before: docs/adr/0015-tokens-are-checked-by-joserfc.md.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any

from chalicelib.http.auth.claims import identity
from chalicelib.http.auth.jose import ECKey, JWTClaimsRegistry, RSAKey, errors, jws
from chalicelib.http.auth.key_set import ALGORITHMS, Keys, KeySet

LEEWAY = 30  # seconds that clocks may differ
_MAX_TOKEN = 8_192  # characters; API Gateway takes no longer header
# Unknown names in a header are ignored (RFC 7515, section 4).
_JWS = jws.JWSRegistry(algorithms=list(chain(*ALGORITHMS.values())), strict_check_header=False)
_JWS.max_header_length = _JWS.max_signature_length = _MAX_TOKEN  # the token's length is limited as a whole


class InvalidToken(Exception):
    """The token is not to be trusted; the message says why and is for the log only."""


@dataclass(frozen=True, slots=True)
class TokenChecker:
    keys: KeySet
    issuer: str
    audience: str
    audience_claim: str = ""  # names the audience of a token that has no aud
    clock: Callable[[], float] = time.time

    def claims(self, authorization: str) -> dict[str, Any]:
        """The claims of an `Authorization` header's bearer token. Raises InvalidToken, KeysUnavailable."""
        signed = _signed(authorization)
        # First what needs no key: an expired token is refused even while the keys cannot be fetched.
        claims = _claims(signed)
        self._check(claims)
        keys = self.keys.current()
        if not _is_signed_by(keys, signed):
            newer = self.keys.newer(keys)
            if newer is keys or not _is_signed_by(newer, signed):
                raise InvalidToken("signed with no key of the issuer")
        return claims

    def _check(self, claims: dict[str, Any]) -> None:
        expected = JWTClaimsRegistry(
            now=lambda: int(self.clock()),
            leeway=LEEWAY,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.audience},
            sub={"essential": True},
            exp={"essential": True},
        )
        try:
            expected.validate(self._with_audience(claims))
        except errors.JoseError as error:
            raise InvalidToken(error.description) from error
        if not identity(claims["sub"]):
            raise InvalidToken("a subject with unprintable characters")

    def _with_audience(self, claims: dict[str, Any]) -> dict[str, Any]:
        named = claims.get(self.audience_claim) if self.audience_claim else None
        return {**claims, "aud": named} if "aud" not in claims and isinstance(named, str) else claims


def _signed(authorization: str) -> jws.CompactSignature:
    """The token of an `Authorization` header, parsed and not yet verified. Raises InvalidToken."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or len(token) > _MAX_TOKEN:
        raise InvalidToken("not a bearer token")
    try:
        signed = jws.extract_compact(token.strip(" ").encode("ascii"), registry=_JWS)
        header: object = signed.headers()
        if not isinstance(header, dict) or header.keys() & {"b64", "crit"}:  # extensions may change what is signed
            raise ValueError("a header that is not taken")
        _JWS.check_header(header)
        _JWS.get_alg(header["alg"])
    except (errors.JoseError, RecursionError, TypeError, ValueError) as error:
        raise InvalidToken(f"not a signed token of the kind that is taken: {type(error).__name__}") from error
    return signed


def _claims(signed: jws.CompactSignature) -> dict[str, Any]:
    try:
        claims = json.loads(signed.payload.decode())
    except (RecursionError, ValueError) as error:
        raise InvalidToken("its content is not JSON") from error
    if not isinstance(claims, dict):
        raise InvalidToken("its content is not an object")
    return claims


def _is_signed_by(keys: Keys, signed: jws.CompactSignature) -> bool:
    fitting = (each.key for each in keys.usable if each.fits(signed.headers()))
    return any(_verifies(key, signed) for key in fitting)


def _verifies(key: RSAKey | ECKey, signed: jws.CompactSignature) -> bool:
    try:
        return _has_full_length(key, signed) and jws.validate_compact(signed, key, registry=_JWS)
    except (errors.JoseError, ValueError):
        return False


def _has_full_length(key: RSAKey | ECKey, signed: jws.CompactSignature) -> bool:
    """RFC 8017, section 8.1.2, step 1, which OpenSSL omits: it accepts RSASSA-PSS without the leading zeros."""
    if not isinstance(key, RSAKey):
        return True  # joserfc checks it
    octets = (key.public_key.key_size + 7) // 8
    return len(signed.segments["signature"]) == (octets * 4 + 2) // 3  # base64url without padding
