"""Keys of a made-up issuer, and tokens signed by hand where a library would refuse to."""

import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc.jwk import ECKey, RSAKey

from chalicelib.http.auth.key_set import KeySet
from chalicelib.http.auth.tokens import InvalidToken, TokenChecker
from testkit.tokens import AUDIENCE, ISSUER, claims

RSA = RSAKey.generate_key(2048, {"kid": "rsa-1"})
EC = ECKey.generate_key("P-256", {"kid": "ec-1"})


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def signing_input(header: Mapping[str, Any], content: str | bytes | None = None) -> bytes:
    content = json.dumps(claims()) if content is None else content
    raw = content.encode() if isinstance(content, str) else content
    return f"{base64url(json.dumps(header).encode())}.{base64url(raw)}".encode()


def token(message: bytes, signature: bytes) -> str:
    return f"{message.decode()}.{base64url(signature)}"


def rsa_signature(key: RSAKey, message: bytes, algorithm: hashes.HashAlgorithm | None = None) -> bytes:
    private = key.private_key
    assert isinstance(private, rsa.RSAPrivateKey)
    return private.sign(message, padding.PKCS1v15(), algorithm or hashes.SHA256())


def pss_signature(key: RSAKey, message: bytes, salt: int = 32, mask: hashes.HashAlgorithm | None = None) -> bytes:
    private = key.private_key
    assert isinstance(private, rsa.RSAPrivateKey)
    return private.sign(message, padding.PSS(padding.MGF1(mask or hashes.SHA256()), salt), hashes.SHA256())


def ec_signature(key: ECKey, message: bytes, algorithm: hashes.HashAlgorithm | None = None) -> bytes:
    """r and s, 32 bytes each (RFC 7518, section 3.4)."""
    private = key.private_key
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    r, s = decode_dss_signature(private.sign(message, ec.ECDSA(algorithm or hashes.SHA256())))
    return r.to_bytes(32) + s.to_bytes(32)


def raw_jws(key: RSAKey | ECKey, header: Mapping[str, Any] | None = None, content: str | bytes | None = None) -> str:
    """A correctly signed token with any header and any content."""
    if isinstance(key, RSAKey) and header and header.get("alg") == "PS256":
        message = signing_input(header, content)
        return token(message, pss_signature(key, message))
    if isinstance(key, RSAKey):
        message = signing_input(header or {"alg": "RS256", "kid": key.kid}, content)
        return token(message, rsa_signature(key, message))
    message = signing_input(header or {"alg": "ES256", "kid": key.kid}, content)
    return token(message, ec_signature(key, message))


def jwks(*keys: RSAKey | ECKey, **more: Any) -> bytes:
    """A published key set (RFC 7517, section 5); a member that is changed to None is left out."""
    published = [key.as_dict(private=False) | more for key in keys]
    return json.dumps(
        {"keys": [{name: value for name, value in key.items() if value is not None} for key in published]}
    ).encode()


@dataclass
class Clock:
    now: float = field(default_factory=time.time)

    def __call__(self) -> float:
        return self.now


class Issuer:
    """An issuer's address: it has content, counts the fetches, and may fail."""

    def __init__(self, *keys: RSAKey | ECKey) -> None:
        self.content = jwks(*keys)
        self.fetches = 0
        self.failure: Exception | None = None
        self.clock = Clock()
        key_set = KeySet("https://issuer.example/jwks.json", clock=self.clock, read=self.read)
        # Tokens do not age while the issuer's clock is moved: this is about keys.
        self.checker = TokenChecker(key_set, issuer=ISSUER, audience=AUDIENCE)

    def read(self, _location: str) -> bytes:
        self.fetches += 1
        if self.failure:
            raise self.failure
        return self.content

    def admits(self, signed: str) -> bool:
        """Whether a token is admitted. Raises KeysUnavailable."""
        try:
            self.checker.claims(f"Bearer {signed}")
        except InvalidToken:
            return False
        return True


@dataclass
class TokenHarness:
    """The issuer's published keys, in a file, and a checker that reads them."""

    path: Path

    def __post_init__(self) -> None:
        self.publish(RSA, EC)

    def publish(self, *keys: RSAKey | ECKey, **more: Any) -> None:
        self.path.write_bytes(jwks(*keys, **more))

    def checker(self, clock: Callable[[], float] = time.time, audience_claim: str = "") -> TokenChecker:
        return TokenChecker(KeySet(str(self.path)), ISSUER, AUDIENCE, audience_claim, clock)

    def claims(self, signed: str) -> dict[str, Any]:
        return self.checker().claims(f"Bearer {signed}")
