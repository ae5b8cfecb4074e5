"""Keys of a made-up issuer, and tokens signed by hand where a library would refuse to."""

import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc.jwk import ECKey, RSAKey

from chalicelib.http.auth.tokens import KeySet, TokenChecker
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


def ec_signature(key: ECKey, message: bytes, algorithm: hashes.HashAlgorithm | None = None) -> bytes:
    """r and s, 32 bytes each (RFC 7518, section 3.4)."""
    private = key.private_key
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    r, s = decode_dss_signature(private.sign(message, ec.ECDSA(algorithm or hashes.SHA256())))
    return r.to_bytes(32) + s.to_bytes(32)


def raw_jws(key: RSAKey | ECKey, header: Mapping[str, Any] | None = None, content: str | bytes | None = None) -> str:
    """A rightly signed token of any header and any content."""
    if isinstance(key, RSAKey):
        message = signing_input(header or {"alg": "RS256", "kid": key.kid}, content)
        return token(message, rsa_signature(key, message))
    message = signing_input(header or {"alg": "ES256", "kid": key.kid}, content)
    return token(message, ec_signature(key, message))


@dataclass
class TokenRoom:
    """The issuer's published keys, in a file, and a checker that reads them."""

    path: Path

    def __post_init__(self) -> None:
        self.publish(RSA, EC)

    def publish(self, *keys: RSAKey | ECKey, **more: Any) -> None:
        self.path.write_text(json.dumps({"keys": [key.as_dict(private=False) | more for key in keys]}))

    def checker(self, clock: Callable[[], float] = time.time) -> TokenChecker:
        return TokenChecker(KeySet(str(self.path)), issuer=ISSUER, audience=AUDIENCE, clock=clock)

    def claims(self, signed: str) -> dict[str, Any]:
        return self.checker().claims(f"Bearer {signed}")
