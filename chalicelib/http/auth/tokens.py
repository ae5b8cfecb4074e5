"""Checking bearer tokens: JWS compact (RFC 7515) with RS256 or ES256 (RFC 7518), claims by RFC 7519 and RFC 8725.

Written here, on hashlib and a pure-Python curve, because the libraries that do it need a compiled package half as large
again as all that this service ships: docs/adr/0002-tokens-are-checked-in-pure-python.md.
"""

import base64
import hashlib
import hmac
import json
import math
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LEEWAY = 30  # seconds that clocks may differ
_MAX_TOKEN = 8_192  # characters; API Gateway takes no longer header
_RELOAD_AFTER = 60  # seconds between two looks for a key that is not known yet
_MIN_RSA_BITS = 2_048  # RFC 7518, section 3.3
# The DER of DigestInfo for SHA-256: RFC 8017, section 9.2, note 1.
_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")


class InvalidToken(Exception):
    """The token is not to be trusted; the message says why and is for the log only."""


@dataclass(slots=True)
class KeySet:
    """The issuer's public keys, from a file or an https address; read when first needed, again for an unknown key."""

    location: str
    _keys: list[dict[str, Any]] = field(default_factory=list)
    _read_at: float = -_RELOAD_AFTER
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, header: Mapping[str, Any]) -> dict[str, Any]:
        """The one key that a token's header names; raises InvalidToken, OSError when the keys cannot be read."""
        with self._lock:
            if key := _matching(self._keys, header):
                return key
            if time.monotonic() - self._read_at >= _RELOAD_AFTER:
                self._keys = json.loads(_read(self.location))["keys"]
                self._read_at = time.monotonic()
            if key := _matching(self._keys, header):
                return key
        raise InvalidToken("signed with a key that is not known")


@dataclass(frozen=True, slots=True)
class TokenChecker:
    keys: KeySet
    issuer: str
    audience: str
    clock: Callable[[], float] = time.time

    def claims(self, authorization: str) -> dict[str, Any]:
        """The claims of an `Authorization` header's bearer token; raises InvalidToken."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or len(token) > _MAX_TOKEN:
            raise InvalidToken("not a bearer token")
        try:
            header_part, claims_part, signature_part = token.strip(" ").split(".")
            header, claims = _json(header_part), _json(claims_part)
            signature = _bytes(signature_part)
        except (ValueError, RecursionError) as error:
            raise InvalidToken("not a compact JWS") from error
        if (
            not isinstance(header.get("alg"), str)
            or header["alg"] not in _VERIFIERS
            or "crit" in header
            or "b64" in header
        ):
            raise InvalidToken("an algorithm or extension that is not taken")
        verify = _VERIFIERS[header["alg"]]
        if not verify(self.keys.find(header), f"{header_part}.{claims_part}".encode(), signature):
            raise InvalidToken("the signature is wrong")
        self._check(claims)
        return claims

    def _check(self, claims: Mapping[str, Any]) -> None:
        now = self.clock()
        audience = claims.get("aud")
        if claims.get("iss") != self.issuer:
            raise InvalidToken("another issuer")
        if self.audience not in (audience if isinstance(audience, list) else [audience]):
            raise InvalidToken("another audience")
        if not isinstance(claims.get("sub"), str) or not claims["sub"]:
            raise InvalidToken("no subject")
        if _seconds(claims, "exp", missing=None) <= now - LEEWAY:
            raise InvalidToken("expired")
        if _seconds(claims, "nbf", missing=0) > now + LEEWAY or _seconds(claims, "iat", missing=0) > now + LEEWAY:
            raise InvalidToken("not valid yet")


def _seconds(claims: Mapping[str, Any], name: str, *, missing: float | None) -> float:
    value = claims.get(name, missing)
    # Python's parser takes NaN and 1e400 for numbers, and true for 1.
    unreal = isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value))
    if unreal or not isinstance(value, int | float):
        raise InvalidToken(f"{name} is not a time")
    return value


def _rs256(key: Mapping[str, Any], message: bytes, signature: bytes) -> bool:
    """RSASSA-PKCS1-v1_5 (RFC 8017, section 8.2.2): encode what was to be signed, compare whole; nothing is parsed."""
    n, e = int.from_bytes(_bytes(key["n"])), int.from_bytes(_bytes(key["e"]))
    size = (n.bit_length() + 7) // 8
    number = int.from_bytes(signature)
    if n.bit_length() < _MIN_RSA_BITS or len(signature) != size or number >= n:
        return False
    info = _SHA256_INFO + hashlib.sha256(message).digest()
    expected = b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00" + info
    return hmac.compare_digest(pow(number, e, n).to_bytes(size), expected)


def _es256(key: Mapping[str, Any], message: bytes, signature: bytes) -> bool:
    import ecdsa  # noqa: PLC0415 - only where a token asks for it: most issuers sign with RSA

    if key.get("crv") != "P-256":
        return False
    try:
        point = _bytes(key["x"]) + _bytes(key["y"])
        public = ecdsa.VerifyingKey.from_string(point, curve=ecdsa.NIST256p, hashfunc=hashlib.sha256)
        return bool(public.verify(signature, message))
    except (ecdsa.BadSignatureError, ecdsa.MalformedPointError):
        return False


_VERIFIERS = {"RS256": _rs256, "ES256": _es256}
_KEY_TYPES = {"RS256": "RSA", "ES256": "EC"}


def _matching(keys: list[dict[str, Any]], header: Mapping[str, Any]) -> dict[str, Any] | None:
    """The key decides what it may be used for, never the token alone: RFC 8725, section 3.1."""
    fitting = [
        key
        for key in keys
        if key.get("kty") == _KEY_TYPES[header["alg"]]
        and key.get("alg", header["alg"]) == header["alg"]
        and key.get("use", "sig") == "sig"
        and ("kid" not in header or key.get("kid") == header["kid"])
    ]
    return fitting[0] if len(fitting) == 1 else None


def _read(location: str) -> bytes:
    if not location.startswith("https://"):
        return Path(location).read_bytes()
    import urllib.request  # noqa: PLC0415 - slow to import, and needed for keys behind an address only

    with urllib.request.urlopen(location, timeout=2) as answer:  # noqa: S310 - https only, see above  # nosec B310
        return bytes(answer.read())


def _json(segment: str) -> dict[str, Any]:
    value = json.loads(_bytes(segment))
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 - of the same kind as what json raises
    return value


def _bytes(segment: str) -> bytes:
    if not _SEGMENT.fullmatch(segment):  # Python's decoder drops what it does not know
        raise ValueError("not base64url")
    raw = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))  # binascii.Error is a ValueError
    if base64.urlsafe_b64encode(raw).decode().rstrip("=") != segment:
        raise ValueError("not the one way to write it")
    return raw
