"""Order ids: `ord_` + base32(identity, 14 bytes + seal, 6 bytes).

The identity comes from the client's idempotency key, so that a retry gets the same id although nothing was stored. The
seal proves that this stage accepted the id for that customer: so a read can distinguish an order that is not stored yet
from one that does not exist.
"""

import base64
import functools
import hashlib
import hmac
import re
import secrets
import string

_PREFIX = "ord_"
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base32, lower case: no i, l, o, u
_STANDARD_ALPHABET = string.ascii_uppercase + "234567"  # RFC 4648, section 6
_TO_CROCKFORD = str.maketrans(_STANDARD_ALPHABET, _ALPHABET)
_TO_DIGITS = bytes.maketrans(_ALPHABET.encode(), b"0123456789abcdefghijklmnopqrstuv")  # of Python's int(text, 32)
_WELL_FORMED = re.compile(rf"{_PREFIX}[{_ALPHABET}]{{32}}")
_IDENTITY_BYTES = 14
_SEAL_BYTES = 6
_UNSEALED = re.compile(rf"{_PREFIX}[0-9a-f]{{32}}")
ORDER_ID_PATTERN = f"^{_WELL_FORMED.pattern}$"


def is_well_formed(order_id: str) -> bool:
    return _WELL_FORMED.fullmatch(order_id) is not None


def is_unsealed(order_id: str) -> bool:
    """Whether an id is a client's UUID, as direct acceptance gives it: it has no seal that proves it was accepted."""
    return _UNSEALED.fullmatch(order_id) is not None


def mint(secret: bytes, customer_id: str, idempotency_key: str | None = None) -> str:
    """Make an order id: always the same one for the same customer and key, a fresh one without a key."""
    if idempotency_key is None:
        identity = secrets.token_bytes(_IDENTITY_BYTES)
    else:
        identity = _mac(secret, b"identity", customer_id.encode(), idempotency_key.encode())[:_IDENTITY_BYTES]
    return _PREFIX + _encode(identity + _seal(secret, identity, customer_id))


def mint_imported(secret: bytes, source: str, number: str) -> str:
    """Make the id of an order that another system had under a number: always the same one.

    It is sealed for nobody, so it stays when the order gets another customer, and no customer's key leads to it.
    """
    identity = _mac(secret, b"imported", source.encode(), number.encode())[:_IDENTITY_BYTES]
    return _PREFIX + _encode(identity + _seal(secret, identity, ""))


def is_sealed_for(secret: bytes, order_id: str, customer_id: str) -> bool:
    """Whether this stage minted this id for this customer."""
    if not is_well_formed(order_id):
        return False
    raw = _decode(order_id.removeprefix(_PREFIX))
    identity, seal = raw[:_IDENTITY_BYTES], raw[_IDENTITY_BYTES:]
    return hmac.compare_digest(seal, _seal(secret, identity, customer_id))


def _seal(secret: bytes, identity: bytes, customer_id: str) -> bytes:
    return _mac(secret, b"seal", identity, customer_id.encode())[:_SEAL_BYTES]


def _mac(secret: bytes, purpose: bytes, *parts: bytes) -> bytes:
    mac = _keyed(secret, purpose).copy()
    mac.update(b"".join([len(part).to_bytes(4) + part for part in parts]))
    return mac.digest()


@functools.lru_cache(maxsize=8)
def _keyed(secret: bytes, purpose: bytes) -> hmac.HMAC:
    """An HMAC to be copied, which has taken in its key and purpose: every read checks a seal."""
    # Each part goes in with its length: no two lists of parts give the same input.
    return hmac.new(secret, len(purpose).to_bytes(4) + purpose, hashlib.sha256)


def _encode(raw: bytes) -> str:
    return base64.b32encode(raw).decode().translate(_TO_CROCKFORD)


def _decode(text: str) -> bytes:
    # Every read decodes an id: this takes a tenth of the instructions of base64.b32decode, which is written in Python.
    return int(text.encode().translate(_TO_DIGITS), 32).to_bytes(_IDENTITY_BYTES + _SEAL_BYTES)
