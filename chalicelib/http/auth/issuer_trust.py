"""Whom the download of a key set trusts: the system's authorities, of which a few are tried by themselves first.

To parse the 120 to 150 authorities of a system takes more than the rest of the authorizer's cold start.
docs/adr/0033-tls-as-it-is-deployed.md has the figures.
"""

import functools
import re
import ssl
from binascii import a2b_base64
from hashlib import sha256
from pathlib import Path

from chalicelib.aws.tls import authorities

ISSUER_ROOTS = Path(__file__).with_name("issuer_roots.txt")
_AWS = ".amazonaws.com"  # Cognito's key sets are at cognito-idp.REGION.amazonaws.com
_CERTIFICATE = re.compile(
    rb"^-----BEGIN CERTIFICATE-----[ \t]*\r?\n([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----[ \t]*\r?$", re.MULTILINE
)


def likely(host: str) -> ssl.SSLContext | None:
    """The few authorities that have probably issued the host's certificate; None if the system has none of them."""
    return authorities().amazon if host.endswith(_AWS) else usual()


@functools.cache
def of_system() -> ssl.SSLContext:
    """All the system's authorities, or those of the file SSL_CERT_FILE."""
    return ssl.create_default_context()


@functools.cache
def usual() -> ssl.SSLContext | None:
    """Those that issuer_roots.txt names: one that the system no longer trusts is not among them."""
    try:
        named = {line.partition(" ")[0] for line in ISSUER_ROOTS.read_text(encoding="ascii").splitlines()}
        chosen = [each for each in _of_store() if sha256(each).hexdigest() in named]
        return ssl.create_default_context(cadata=b"".join(chosen)) if chosen else None
    except (OSError, ValueError):
        return None


def _of_store() -> list[bytes]:
    """The system's authorities (DER), without parsing any.

    None unless they are in one file that has plain certificates only: what OpenSSL makes of others, such as one in a
    comment or one with rules of its own (TRUSTED CERTIFICATE), is left to OpenSSL.
    """
    file = ssl.get_default_verify_paths().cafile
    content = Path(file).read_bytes() if file else b""
    found = [a2b_base64(each) for each in _CERTIFICATE.findall(content)]
    are_plain = len(found) == content.count(b"-----BEGIN ") and all(map(_is_whole, found))
    return found if are_plain else []


def _is_whole(certificate: bytes) -> bool:
    """Whether its length is the one that it states: OpenSSL would load nothing of a file in which one is broken."""
    return certificate[:2] == b"\x30\x82" and len(certificate) == 4 + int.from_bytes(certificate[2:4])
