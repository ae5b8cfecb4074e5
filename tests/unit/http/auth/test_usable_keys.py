"""Which keys of a set are used: a weak or malformed key is left out, without harm to the others."""

import json
from typing import Any

import pytest
from joserfc.jwk import ECKey

from chalicelib.http.auth.key_set import usable_keys
from tests.unit.http.auth.keys import EC, RSA, base64url

# --- which are used --------------------------------------------------------------------------------------------------

WEAK_N = base64url((1 << 1023 | 1).to_bytes(128))
PUBLIC, CURVE = RSA.as_dict(private=False), EC.as_dict(private=False)
LEFT_OUT: dict[str, Any] = {
    "not an object": 1,
    "null": None,
    "a list": [],
    "empty": {},
    "no type": {name: value for name, value in PUBLIC.items() if name != "kty"},
    "another type": {"kty": "OKP", "crv": "Ed25519", "x": "AA"},
    "a secret": {"kty": "oct", "k": "AAAA"},
    "a type that is no text": PUBLIC | {"kty": ["RSA"]},
    "a name that is no text": PUBLIC | {"kid": 1},
    "for encryption": PUBLIC | {"use": "enc"},
    "for signing only": PUBLIC | {"key_ops": ["sign"]},
    "for another algorithm": PUBLIC | {"alg": "RS512"},
    "for the other type's algorithm": PUBLIC | {"alg": "ES256"},
    "an algorithm that is no text": PUBLIC | {"alg": ["RS256"]},
    "1,024 bits": PUBLIC | {"n": WEAK_N},
    "32,768 bits": PUBLIC | {"n": base64url((1 << 32_767 | 1).to_bytes(4_096))},
    "an even modulus": PUBLIC | {"n": base64url((1 << 2_047).to_bytes(256))},
    "no modulus": {name: value for name, value in PUBLIC.items() if name != "n"},
    "a modulus that is no text": PUBLIC | {"n": 1},
    "a modulus that is not base64url": PUBLIC | {"n": "=+/ é"},
    "an empty modulus": PUBLIC | {"n": ""},
    "exponent 0": PUBLIC | {"e": "AA"},
    "exponent 1": PUBLIC | {"e": "AQ"},
    "exponent 2": PUBLIC | {"e": "Ag"},
    "exponent 65,536": PUBLIC | {"e": "AQAA"},
    "an exponent of the modulus' size": PUBLIC | {"e": PUBLIC["n"]},
    "another curve": ECKey.generate_key("P-384").as_dict(private=False),
    "a curve that there is not": CURVE | {"crv": "P-1"},
    "a curve that does not fit": CURVE | {"crv": "P-384"},
    "a point off the curve": CURVE | {"y": base64url(bytes(32))},
    "half a point": {name: value for name, value in CURVE.items() if name != "y"},
}


@pytest.mark.parametrize("kind", LEFT_OUT)
def test_an_unusable_key_does_not_affect_the_others(kind: str) -> None:
    document = json.dumps({"keys": [LEFT_OUT[kind], PUBLIC, LEFT_OUT[kind], CURVE]})
    assert [each.kid for each in usable_keys(document.encode())] == ["rsa-1", "ec-1"]


def test_null_members_count_as_missing() -> None:
    document = json.dumps({"keys": [PUBLIC | {"use": None, "key_ops": None, "alg": None, "kid": None, "x5c": None}]})
    (key,) = usable_keys(document.encode())
    assert key.kid is None
    assert key.algorithms == {"RS256", "PS256"}


def test_a_private_key_that_an_issuer_published_is_not_taken_in() -> None:
    document = json.dumps({"keys": [RSA.as_dict(private=True), EC.as_dict(private=True)]})
    assert [each.key.private_key for each in usable_keys(document.encode())] == [None, None]
