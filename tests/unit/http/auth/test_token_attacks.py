"""Attacks on bearer tokens that have worked on other services: each such token is refused here.

Sources: RFC 8725 (JSON Web Token Best Current Practices); CVE-2015-9235 (HS256 with the public key), CVE-2018-0114
(embedded key), CVE-2022-21449 (zero signature), CVE-2006-4339 (low exponent, Bleichenbacher).
"""

import hashlib
import hmac
import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey, RSAKey

from chalicelib.http.auth.tokens import InvalidToken
from testkit.tokens import claims, sign
from tests.unit.http.auth.keys import (
    EC,
    RSA,
    TokenHarness,
    base64url,
    ec_signature,
    pss_signature,
    raw_jws,
    rsa_signature,
    signing_input,
    token,
)

EVIL = RSAKey.generate_key(2048, {"kid": "rsa-1"})  # an attacker's, under our key's name
EVIL_EC = ECKey.generate_key("P-256", {"kid": "ec-1"})
RS256, PS256, ES256 = (
    {"alg": alg, "kid": kid} for alg, kid in (("RS256", "rsa-1"), ("PS256", "rsa-1"), ("ES256", "ec-1"))
)
DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def refused(room: TokenHarness, forged: str) -> None:
    with pytest.raises(InvalidToken):
        room.claims(forged)


def hmac_with(secret: bytes, algorithm: str = "HS256") -> str:
    message = signing_input({"alg": algorithm, "kid": "rsa-1"})
    return token(message, hmac.digest(secret, message, hashlib.sha256))


def public_pem() -> bytes:
    public = RSA.public_key
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "nOnE", "NONE", "", "none ", "RS256\x00", "rs256", "es256", None, 1, True]
)
@pytest.mark.parametrize("signature", ["", "AA", "right"])
def test_a_token_without_an_algorithm_or_a_signature_is_refused(
    room: TokenHarness, algorithm: Any, signature: str
) -> None:
    message = signing_input({"alg": algorithm, "kid": "rsa-1"})
    signed = base64url(rsa_signature(RSA, message)) if signature == "right" else signature
    refused(room, f"{message.decode()}.{signed}")


@pytest.mark.parametrize("algorithm", [[], {}, ["RS256"], {"RS256": 1}], ids=str)
def test_an_algorithm_that_is_not_text_is_refused(room: TokenHarness, algorithm: Any) -> None:
    refused(room, raw_jws(RSA, {"alg": algorithm, "kid": "rsa-1"}))


def test_a_header_without_algorithm_is_refused(room: TokenHarness) -> None:
    refused(room, raw_jws(RSA, {"kid": "rsa-1"}))


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_public_key_is_not_accepted_as_an_hmac_secret(room: TokenHarness, algorithm: str) -> None:
    jwk = json.dumps(RSA.as_dict(private=False))
    n = RSA.as_dict(private=False)["n"]
    for secret in (public_pem(), public_pem().strip(), jwk.encode(), str(n).encode(), b""):
        refused(room, hmac_with(secret, algorithm))


@pytest.mark.parametrize(
    "algorithm", ["RS384", "RS512", "PS384", "PS512", "ES384", "ES512", "ES256K", "EdDSA", "HS256"]
)
def test_an_unsupported_algorithm_is_refused_however_the_token_is_signed(room: TokenHarness, algorithm: str) -> None:
    refused(room, raw_jws(RSA, {"alg": algorithm, "kid": "rsa-1"}))


def test_an_unknown_signer_is_refused_under_a_known_name(room: TokenHarness) -> None:
    refused(room, sign(EVIL))
    refused(room, sign(EVIL_EC))


def test_a_known_signer_is_refused_under_an_unknown_name(room: TokenHarness) -> None:
    unknown: list[Any] = [
        "rsa-2",
        "",
        "RSA-1",
        "rsa-1 ",
        "../jwks.json",
        "/dev/null",
        "' OR 1=1",
        None,
        1,
        [],
        {},
        ["rsa-1"],
    ]
    for kid in unknown:
        refused(room, raw_jws(RSA, {"alg": "RS256", "kid": kid}))


def test_a_key_is_good_for_its_own_algorithm_only(room: TokenHarness) -> None:
    refused(room, raw_jws(RSA, {"alg": "ES256", "kid": "rsa-1"}))
    refused(room, raw_jws(EC, {"alg": "RS256", "kid": "ec-1"}))
    refused(room, raw_jws(RSA, {"alg": "RS256", "kid": "ec-1"}))
    for alg, other in (("PS256", "RS256"), ("RS256", "PS256")):
        room.publish(RSA, alg=alg)
        refused(room, raw_jws(RSA, {"alg": other, "kid": "rsa-1"}))
        assert room.claims(raw_jws(RSA, {"alg": alg, "kid": "rsa-1"}))
    room.publish(RSA, use="enc")
    refused(room, sign(RSA))


def test_a_key_that_the_token_brings_along_is_not_used(room: TokenHarness) -> None:
    own = EVIL.as_dict(private=False)
    for more in (
        {"jwk": own},
        {"jwk": own, "kid": "evil"},
        {"jku": "https://evil.example/jwks.json"},
        {"x5u": "https://evil.example/cert.pem"},
        {"x5c": [base64url(b"a certificate")], "x5t": "x"},
    ):
        refused(room, raw_jws(EVIL, RS256 | more))


def test_an_extension_that_is_not_understood_is_refused(room: TokenHarness) -> None:
    extensions: list[dict[str, Any]] = [{"crit": ["exp"]}, {"crit": []}, {"crit": None}, {"b64": False}, {"b64": True}]
    for more in extensions:
        refused(room, raw_jws(RSA, RS256 | more))


def test_no_bit_of_a_token_can_be_changed(room: TokenHarness) -> None:
    for key in (RSA, EC):
        good = sign(key)
        for position in range(0, len(good), 7):
            other = "A" if good[position] != "A" else "B"
            refused(room, good[:position] + other + good[position + 1 :])


def test_claims_cannot_be_swapped_under_a_signature(room: TokenHarness) -> None:
    header, _, signature = sign(RSA).split(".")
    content = base64url(json.dumps(claims(sub="17851")).encode())
    refused(room, f"{header}.{content}.{signature}")


RESHAPED: dict[str, Callable[[bytes], bytes]] = {
    "cut at the end": lambda signature: signature[:-1],
    "cut at the start": lambda signature: signature[1:],
    "longer": lambda signature: signature + b"\x00",
    "longer in front": lambda signature: b"\x00" + signature,
    "twice": lambda signature: signature * 2,
    "one byte": lambda signature: signature[:1],
    "zeros": lambda signature: bytes(len(signature)),
    "ones": lambda signature: (1).to_bytes(len(signature)),
    "all bits": lambda signature: b"\xff" * len(signature),
}


@pytest.mark.parametrize("shape", RESHAPED)
def test_a_signature_of_another_form_is_refused(room: TokenHarness, shape: str) -> None:
    message = signing_input(RS256)
    refused(room, token(message, RESHAPED[shape](rsa_signature(RSA, message))))
    message = signing_input(PS256)
    refused(room, token(message, RESHAPED[shape](pss_signature(RSA, message))))
    message = signing_input(ES256)
    refused(room, token(message, RESHAPED[shape](ec_signature(EC, message))))


@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
def test_an_rsa_signature_without_its_leading_zero_is_refused(room: TokenHarness, algorithm: str) -> None:
    """One in 256 begins with a zero byte; without it, it is the same number (RFC 8017, section 8.1.2, step 1)."""
    header = {"alg": algorithm, "kid": "rsa-1"}
    sign_with = rsa_signature if algorithm == "RS256" else pss_signature
    for number in itertools.count():
        message = signing_input(header | {"number": number})
        signature = sign_with(RSA, message)
        if signature[0] == 0:
            break
    assert room.claims(token(message, signature))
    refused(room, token(message, signature[1:]))


@pytest.mark.parametrize("key", [RSA, EC], ids=["RS256", "ES256"])
def test_a_signature_has_one_accepted_encoding(room: TokenHarness, key: RSAKey | ECKey) -> None:
    """Some bits of the last character have no meaning: a token with other bits there must be refused (RFC 4648)."""
    good = sign(key)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    accepted = []
    for last in alphabet:
        try:
            room.claims(good[:-1] + last)
            accepted.append(last)
        except InvalidToken:
            pass
    assert accepted == [good[-1]]


# --- elliptic curves -------------------------------------------------------------------------------------------------

# SEC 2, section 2.4.2.
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def test_zero_and_the_curves_order_are_refused_as_signatures(room: TokenHarness) -> None:
    message = signing_input(ES256)
    right = ec_signature(EC, message)
    r, s = int.from_bytes(right[:32]), int.from_bytes(right[32:])
    for forged in ((0, 0), (0, s), (r, 0), (ORDER, ORDER), (ORDER, s), (r, ORDER), (1, 1), (s, r), (0, 1), (1, 0)):
        refused(room, token(message, forged[0].to_bytes(32) + forged[1].to_bytes(32)))


def test_a_signature_in_der_is_refused(room: TokenHarness) -> None:
    message = signing_input(ES256)
    private = EC.private_key
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    refused(room, token(message, private.sign(message, ec.ECDSA(hashes.SHA256()))))


def test_another_hash_under_a_curve_is_refused(room: TokenHarness) -> None:
    message = signing_input(ES256)
    refused(room, token(message, ec_signature(EC, message, hashes.SHA384())))


@pytest.mark.parametrize("curve", ["P-384", "P-521", "secp256k1"])
def test_a_key_on_another_curve_is_refused(room: TokenHarness, curve: str) -> None:
    other = ECKey.generate_key(curve, {"kid": "ec-1"})
    room.publish(other)
    private = other.private_key
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    message = signing_input(ES256)
    refused(room, token(message, private.sign(message, ec.ECDSA(hashes.SHA256()))))
    refused(room, token(message, bytes(64)))


def test_a_key_that_is_not_on_its_curve_is_refused(room: TokenHarness) -> None:
    room.publish(EC, y=base64url(bytes(32)))
    refused(room, sign(EC))
    room.publish(EC, x="AA")
    refused(room, sign(EC))
