"""The certificates of `make bench`: a made-up authority among the real ones, so that verifying costs what it does."""

import functools
from pathlib import Path

import botocore
import certifi

from bench.instructions.packages import BUILD
from testkit import certificates

_DIRECTORY = BUILD / "tls"


@functools.cache
def _made() -> certificates.Certificates:
    """Certificates of this process, in a directory that its children read."""
    return certificates.make(_DIRECTORY)


def server() -> Path:
    """The stub's certificate, its chain and its private key."""
    return _made().server


def authority() -> bytes:
    """The made-up authority's certificate (PEM)."""
    return _made().authority.read_bytes()


@functools.cache
def _bundle(name: str, marker: bytes = b"CERTIFICATE") -> Path:
    """The made-up authority among Mozilla's, as a system has them, or among those that botocore ships."""
    real = {"system": Path(certifi.where()), "botocore": Path(botocore.__file__).with_name("cacert.pem")}[name]
    path = _DIRECTORY / f"{name}{len(marker)}.pem"
    path.write_bytes(real.read_bytes() + b"\n" + authority().replace(b"CERTIFICATE", marker))
    return path


def environment() -> dict[str, str]:
    """Variables by which OpenSSL's defaults and botocore trust the stub."""
    return {"SSL_CERT_FILE": str(_bundle("system")), "AWS_CA_BUNDLE": str(_bundle("botocore"))}


def of_an_unusual_authority() -> dict[str, str]:
    """Variables by which the stub is trusted, but not found among the usual authorities of issuers.

    OpenSSL reads certificates of this name; chalicelib/http/auth/issuer_trust.py does not look at them.
    """
    return {"SSL_CERT_FILE": str(_bundle("system", b"X509 CERTIFICATE"))}
