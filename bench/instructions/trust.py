"""The certificates of `make bench`: a made-up authority among the real ones, so that verifying costs what it does."""

import functools
from pathlib import Path

import botocore

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
def _bundle() -> Path:
    """The authorities that botocore ships, which it trusts on Lambda, and the made-up one."""
    real = Path(botocore.__file__).with_name("cacert.pem").read_bytes()
    path = _DIRECTORY / "bundle.pem"
    path.write_bytes(real + b"\n" + authority())
    return path


def environment() -> dict[str, str]:
    """Variables by which OpenSSL's defaults and botocore trust the stub."""
    return {"SSL_CERT_FILE": str(_bundle()), "AWS_CA_BUNDLE": str(_bundle())}
