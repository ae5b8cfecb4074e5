"""Attacks on RSA signatures: other hashes and paddings, weak keys, small exponents."""

import hashlib
import json

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from joserfc.jwk import RSAKey

from testkit.tokens import claims
from tests.unit.http.auth.keys import (
    RSA,
    TokenHarness,
    base64url,
    pss_signature,
    raw_jws,
    rsa_signature,
    signing_input,
    token,
)
from tests.unit.http.auth.test_token_attacks import DIGEST_INFO, PS256, RS256, refused

# --- RSA -------------------------------------------------------------------------------------------------------------


OTHER_HASHES = [hashes.SHA1(), hashes.SHA384(), hashes.SHA512(), hashes.SHA3_256()]  # noqa: S303 - what is refused


@pytest.mark.parametrize("algorithm", OTHER_HASHES, ids=lambda algorithm: str(algorithm.name))
def test_another_hash_under_rsa_is_refused(room: TokenHarness, algorithm: hashes.HashAlgorithm) -> None:
    message = signing_input(RS256)
    refused(room, token(message, rsa_signature(RSA, message, algorithm)))


def test_another_padding_is_refused(room: TokenHarness) -> None:
    message = signing_input(RS256)
    refused(room, token(message, pss_signature(RSA, message)))
    message = signing_input(PS256)
    refused(room, token(message, rsa_signature(RSA, message)))


@pytest.mark.parametrize("salt", [0, 20, 31, 33, 222])
def test_a_salt_of_another_length_is_refused(room: TokenHarness, salt: int) -> None:
    """RFC 7518, section 3.5: as long as the hash."""
    message = signing_input(PS256)
    refused(room, token(message, pss_signature(RSA, message, salt)))


def test_another_mask_is_refused(room: TokenHarness) -> None:
    message = signing_input(PS256)
    refused(room, token(message, pss_signature(RSA, message, mask=hashes.SHA1())))  # noqa: S303 - what is refused


def test_a_signature_plus_the_modulus_is_refused(room: TokenHarness) -> None:
    """It is the same number modulo the key's modulus: a second encoding of one signature."""
    # It fits the modulus' length only where both are small enough: a modulus near 2^2047 leaves room for every one.
    key = next(key for key in (RSAKey.generate_key(2048, {"kid": "rsa-1"}) for _ in range(50)) if is_low(modulus(key)))
    room.publish(key)
    messages = (signing_input(RS256, json.dumps(claims(attempt=attempt))) for attempt in range(200))
    signed = ((message, int.from_bytes(rsa_signature(key, message)) + modulus(key)) for message in messages)
    message, raised = next(each for each in signed if each[1].bit_length() <= 2048)
    refused(room, token(message, raised.to_bytes(256)))


def modulus(key: RSAKey) -> int:
    return private_numbers(key).public_numbers.n


def is_low(number: int) -> bool:
    return number < 3 << 2046  # of the numbers of 2048 bits, the lower half: a third of their signatures fit


def test_a_weak_key_is_refused(room: TokenHarness) -> None:
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - what is refused
    n = weak.public_key().public_numbers().n
    jwk = {"kty": "RSA", "kid": "rsa-1", "n": base64url(n.to_bytes(128)), "e": "AQAB"}
    room.path.write_text(json.dumps({"keys": [jwk]}))
    message = signing_input(RS256)
    refused(room, token(message, weak.sign(message, padding.PKCS1v15(), hashes.SHA256())))


def test_where_the_exponent_is_one_the_padded_hash_is_no_signature(room: TokenHarness) -> None:
    """Such a key makes every message its own signature: anyone can sign."""
    room.publish(RSA, e="AQ")
    message = signing_input(RS256)
    info = DIGEST_INFO + hashlib.sha256(message).digest()
    refused(room, token(message, b"\x00\x01" + b"\xff" * (256 - len(info) - 3) + b"\x00" + info))


def private_numbers(key: RSAKey) -> rsa.RSAPrivateNumbers:
    private = key.private_key
    assert isinstance(private, rsa.RSAPrivateKey)
    return private.private_numbers()


def cube_root(number: int) -> int:
    """The smallest integer whose cube is at least `number`."""
    low, high = 0, 1 << (number.bit_length() // 3 + 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if middle**3 < number else (low, middle)
    return low


def test_bytes_behind_the_hash_are_refused_where_the_exponent_is_three(room: TokenHarness) -> None:
    """A cube root needs no private key: a checker that reads the padding and stops at the hash would take it."""
    pem = rsa.generate_private_key(3, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    key = RSAKey.import_key(pem, {"kid": "rsa-1"})
    room.publish(key)
    assert room.claims(raw_jws(key))  # such a key is weak, but a right signature with it is right
    message = signing_input(RS256)
    start = b"\x00\x01" + b"\xff" * 8 + b"\x00" + DIGEST_INFO + hashlib.sha256(message).digest()
    forged = cube_root(int.from_bytes(start.ljust(256, b"\x00")))
    assert (forged**3).to_bytes(256).startswith(start)
    refused(room, token(message, forged.to_bytes(256)))
