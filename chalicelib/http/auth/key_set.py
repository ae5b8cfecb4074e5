"""The issuer's public keys: how long they are trusted, when they are fetched again, and which of them are used.

A token that the cached keys verify never waits for a fetch. A token that they do not verify may be signed with a newer
key, so they are fetched again before it is refused, but never more often than every few seconds.
"""

import base64
import json
import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from chalicelib.http.auth.jose import ECKey, RSAKey

MAX_AGE = 600  # seconds that a key set is trusted: a withdrawn key is good for no longer
MIN_INTERVAL = 5  # seconds between two fetches, whether the first succeeded or not
STALE_IF_ERROR = 3_600  # seconds past its age that a key set is used while its address fails (the term is RFC 5861's)
_RSA_BITS = range(2_048, 16_385)  # RFC 7518, section 3.3; OpenSSL checks no larger ones
_RSA_EXPONENT_BITS = range(2, 257)  # FIPS 186-5, section 5.1; 3 is taken, though the standard takes none below 65,537
ALGORITHMS = {"RSA": ("RS256", "PS256"), "EC": ("ES256",)}  # of signatures, by the type of the key

logger = logging.getLogger("orders")


class KeysUnavailable(Exception):
    """The address fails, so whether a token is good cannot be known; the message is for the log only."""


class PublicKey(NamedTuple):
    key: RSAKey | ECKey
    kid: str | None
    algorithms: frozenset[str]

    def fits(self, header: Mapping[str, Any]) -> bool:
        """Whether a token with this header may be signed with this key: the key says with which algorithm."""
        return header["alg"] in self.algorithms and ("kid" not in header or header["kid"] == self.kid)


class Keys(NamedTuple):
    """The keys of one fetch, and when it began (seconds since 1970)."""

    usable: tuple[PublicKey, ...]
    fetched_at: float


class KeySet:
    """The keys at a file or an https address. Safe to share between threads.

    Time is the wall clock's: a monotonic one may stand still while Lambda keeps a container frozen.
    """

    def __init__(
        self, location: str, *, clock: Callable[[], float] = time.time, read: Callable[[str], bytes] | None = None
    ) -> None:
        self._location, self._clock, self._read = location, clock, read or read_location
        self._keys = Keys((), -math.inf)
        self._attempted_at = -math.inf
        self._is_failing = False
        self._fetching = threading.Lock()

    def current(self) -> Keys:
        """The keys to check a token with. Raises KeysUnavailable."""
        keys = self._keys
        if self._is_within(MAX_AGE, keys):
            return keys
        if not self._may_serve_stale(keys):
            with self._fetching:
                self._fetch(keys)
        elif self._fetching.acquire(blocking=False):  # another thread's fetch is not waited for
            try:
                self._fetch(keys)
            finally:
                self._fetching.release()
        keys = self._keys
        if self._is_within(MAX_AGE, keys) or self._may_serve_stale(keys):
            return keys
        raise KeysUnavailable("no key set could be fetched")

    def newer(self, than: Keys) -> Keys:
        """Newer keys, for a token that `than` could not verify; `than` itself if there are none.

        Raises KeysUnavailable while the address fails: the issuer may have a new key.
        """
        with self._fetching:
            self._fetch(than)
            if self._is_failing:
                raise KeysUnavailable("the key set could not be fetched again")
            return self._keys

    def _fetch(self, known: Keys) -> None:
        """Fetch, unless another thread has replaced the known keys, or the last fetch is too recent."""
        now = self._clock()
        if self._keys is not known or 0 <= now - self._attempted_at < MIN_INTERVAL:
            return
        self._attempted_at = now
        try:
            self._keys = Keys(usable_keys(self._read(self._location)), now)
        except (OSError, ValueError) as error:
            self._is_failing = True
            logger.error("keys.unreadable", extra={"reason": f"{type(error).__name__}: {error}"})
        else:
            self._is_failing = False

    def _may_serve_stale(self, keys: Keys) -> bool:
        return self._is_failing and self._is_within(MAX_AGE + STALE_IF_ERROR, keys)

    def _is_within(self, seconds: float, keys: Keys) -> bool:
        return 0 <= self._clock() - keys.fetched_at < seconds  # a clock that was set back ends the trust


def read_location(location: str) -> bytes:
    """The content of a file, or of an https address. Raises OSError, ValueError."""
    if not location.startswith("https://"):
        return Path(location).read_bytes()
    from chalicelib.http.auth import key_download  # noqa: PLC0415 - TLS is slow to import, and not needed for a file

    return key_download.download(location)


def usable_keys(document: bytes) -> tuple[PublicKey, ...]:
    """The keys of a JWK set (RFC 7517, section 5) that can be used; the others are left out. Raises ValueError."""
    try:
        content = json.loads(document)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(content, dict) or not isinstance(content.get("keys"), list):
        raise ValueError("not a JWK set")  # noqa: TRY004 - of the same kind as what json raises
    keys = []
    for number, jwk in enumerate(content["keys"]):
        try:
            keys.append(_public_key(jwk))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a key, it is left out
            logger.warning("key.left_out", extra={"number": number, "reason": f"{type(error).__name__}: {error}"})
    return tuple(keys)


def _public_key(jwk: Mapping[str, Any]) -> PublicKey:
    """Read the public half of a key; raises some exception for one that is not to be used."""
    given = {name: value for name, value in jwk.items() if value is not None}
    kid, algorithms = given.get("kid"), ALGORITHMS[given["kty"]]
    if not isinstance(kid, str | None):
        raise TypeError("its kid is not a string")
    if given.get("use", "sig") != "sig" or "verify" not in given.get("key_ops", ["verify"]):
        raise ValueError("not for checking signatures")
    if "alg" in given and given["alg"] not in algorithms:
        raise ValueError("for an algorithm that is not taken")
    key = _rsa_key(given) if given["kty"] == "RSA" else _ec_key(given)
    return PublicKey(key, kid, frozenset({given["alg"]} if "alg" in given else algorithms))


def _rsa_key(jwk: Mapping[str, Any]) -> RSAKey:
    modulus, exponent = _number(jwk["n"]), _number(jwk["e"])
    if modulus.bit_length() not in _RSA_BITS or exponent.bit_length() not in _RSA_EXPONENT_BITS:
        raise ValueError("weak: modulus or exponent is too small, or too large to be checked with")
    if modulus % 2 == 0 or exponent % 2 == 0:
        raise ValueError("weak: modulus or exponent is even")
    return RSAKey.import_key({"kty": "RSA", "n": jwk["n"], "e": jwk["e"]})


def _ec_key(jwk: Mapping[str, Any]) -> ECKey:
    if jwk["crv"] != "P-256":
        raise ValueError("on another curve")
    return ECKey.import_key({"kty": "EC", "crv": "P-256", "x": jwk["x"], "y": jwk["y"]})


def _number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
