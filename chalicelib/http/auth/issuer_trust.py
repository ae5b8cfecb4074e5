"""Whom the download of a key set trusts: the system's authorities, of which a few are tried by themselves first.

To parse the 120 to 150 authorities of a system takes more than the rest of the authorizer's cold start.
docs/adr/0033-tls-as-it-is-deployed.md has the figures.
"""

import functools
import ssl
from binascii import a2b_base64
from hashlib import sha256
from pathlib import Path

from chalicelib.aws.tls import authorities

ISSUER_ROOTS = Path(__file__).with_name("issuer_roots.txt")
_AWS = ".amazonaws.com"  # Cognito's key sets are at cognito-idp.REGION.amazonaws.com
_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


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
    usual = {line.partition(" ")[0] for line in ISSUER_ROOTS.read_text(encoding="ascii").splitlines()}
    try:
        chosen = [each for each in _of_store() if sha256(each).hexdigest() in usual]
        return ssl.create_default_context(cadata=b"".join(chosen)) if chosen else None
    except (OSError, ValueError):  # a file that only OpenSSL can read
        return None


def _of_store() -> list[bytes]:
    """The system's authorities (DER), without parsing any; none where they are not in one file."""
    file = ssl.get_default_verify_paths().cafile
    texts = Path(file).read_bytes().split(_BEGIN)[1:] if file else []
    return [a2b_base64(text.partition(_END)[0]) for text in texts]
