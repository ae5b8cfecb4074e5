"""A made-up issuer: it signs tokens, publishes its keys at an address, and may fail in every way that addresses do."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from testkit.tokens import AUDIENCE, ISSUER

WORKS, REFUSES, SILENT, RUBBISH = "works", "refuses", "silent", "rubbish"
MODES = (WORKS, REFUSES, SILENT, RUBBISH)
SILENCE = 2.0  # seconds that a download waits (key_download.DEADLINE)
_RUBBISH = [b"", b"null", b"<html>busy</html>", b'{"error": "busy"}', b'{"keys": null}', b"[" * 9_999, b"\x80"]
_USELESS_KEYS: list[Any] = [
    None,
    "a key",
    {},
    {"kty": "oct", "k": "c2VjcmV0"},
    {"kty": "RSA", "n": "AQAB", "e": "AQ"},  # weak
    {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},  # not on the curve
    {"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"},
]
_ATTACKER = ECKey.generate_key("P-256")
_RSA = RSAKey.generate_key(2048)  # slow to make: one for all runs


@dataclass(frozen=True)
class SigningKey:
    """A key of the issuer, or of an attacker. `kid` may have been another key's, or be None."""

    number: int
    kid: str | None
    pair: ECKey | RSAKey

    def jwk(self) -> dict[str, Any]:
        public = {name: value for name, value in self.pair.as_dict(private=False).items() if name != "kid"}
        return public if self.kid is None else {**public, "kid": self.kid}

    def sign(self, claims: dict[str, Any]) -> str:
        """A token; it names the key when the key has a name."""
        header = {"alg": "RS256" if isinstance(self.pair, RSAKey) else "ES256"}
        return jwt.encode(header if self.kid is None else {**header, "kid": self.kid}, claims, self.pair)

    def of_an_attacker(self, kid: str | None) -> "SigningKey":
        """An attacker's key under some name."""
        return SigningKey(-1, kid, _ATTACKER)


@dataclass
class Issuer:
    random: Random
    now: Callable[[], float]
    wait: Callable[[float], None]
    published: list[SigningKey] = field(default_factory=list)
    mode: str = WORKS
    since: dict[int, float] = field(default_factory=dict)  # key -> when it was published
    until: dict[int, float] = field(default_factory=dict)  # key -> when it was withdrawn
    _made: int = 0

    def rotate(self) -> None:
        """Publish a new key, under a name that is new, the old one's, or none; most of the time withdraw others."""
        self.withdraw(self.random.randint(0, len(self.published)))
        kids = ["a", "b", f"key {self._made}", None]
        self.published.append(self._key(self.random.choice(kids)))
        self.since[self.published[-1].number] = self.now()

    def withdraw(self, most: int = 1) -> None:
        for _ in range(most):
            if len(self.published) > 1:
                gone = self.published.pop(self.random.randrange(len(self.published)))
                self.until[gone.number] = self.now()

    def _key(self, kid: str | None) -> SigningKey:
        self._made += 1
        return SigningKey(self._made, kid, _RSA if self._made == 2 else ECKey.generate_key("P-256"))

    def download(self) -> tuple[list[SigningKey], bytes]:
        """The keys at the address and its document, as of the download's beginning. Raises OSError."""
        mode, keys = self.mode, list(self.published)
        self.wait(SILENCE if mode == SILENT else self.random.choice([0.05, 0.2, 1.5]))
        if mode == SILENT:
            raise TimeoutError("no whole answer within 2 s")
        if mode == REFUSES:
            raise self.random.choice([ConnectionRefusedError(), OSError("the address answered 500")])
        if mode == RUBBISH:
            return [], self.random.choice(_RUBBISH)
        content = [key.jwk() for key in keys] + self.random.sample(_USELESS_KEYS, self.random.randint(0, 3))
        self.random.shuffle(content)
        return keys, json.dumps({"keys": content}).encode()


def claims_of(customer: str, expires: float) -> dict[str, Any]:
    return {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": customer,
        "scope": "orders/read",
        "iat": int(expires) - 86_400,
        "exp": int(expires),
    }
