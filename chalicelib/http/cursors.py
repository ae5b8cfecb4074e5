"""Cursors: where the next page of a list starts. Opaque, signed, and bound to the caller and the filters."""

import base64
import hashlib
import hmac
import json

from chalicelib.http.problems import Problem

_SIGNATURE_BYTES = 16
_MAX_CURSOR = 512


def seal(secret: bytes, last_placed_key: str | None, *scope: str | None) -> str | None:
    """Make the cursor for the page after an index entry; `scope` is the caller, the customer and the filters."""
    if last_placed_key is None:
        return None
    content = last_placed_key.encode()
    return _encoded(_signature(secret, content, scope) + content)


def unseal(secret: bytes, cursor: str | None, *scope: str | None) -> str | None:
    """The index entry that a page starts after; raises Problem 400 when the cursor was made for another list."""
    if cursor is None:
        return None
    try:
        if len(cursor) > _MAX_CURSOR:
            raise ValueError("too long")
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise _invalid() from None
    signature, content = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _signature(secret, content, scope)) or _encoded(raw) != cursor:
        raise _invalid()
    return content.decode()


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _signature(secret: bytes, content: bytes, scope: tuple[str | None, ...]) -> bytes:
    message = json.dumps(["cursor", content.hex(), *scope]).encode()
    return hmac.digest(secret, message, hashlib.sha256)[:_SIGNATURE_BYTES]


def _invalid() -> Problem:
    return Problem("invalid-cursor", 400, "Use next_cursor of the previous page, with the same parameters")
