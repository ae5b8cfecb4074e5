"""A made-up certificate authority, and the certificate of a server on 127.0.0.1, as AWS's endpoints have them.

The certificate is Cognito's too, for who resolves that name to 127.0.0.1.

An endpoint of AWS sends its own certificate and that of an intermediate authority, both with RSA keys of 2,048 bits.
"""

import datetime as dt
import ipaddress
import os
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

COGNITO = "cognito-idp.us-east-1.amazonaws.com"
_VALID = dt.timedelta(days=2)
_PEM = serialization.Encoding.PEM


class Certificates(NamedTuple):
    """Files in PEM format: the authority's certificate, and the server's with its chain and its private key."""

    authority: Path
    server: Path


class _Party(NamedTuple):
    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(_PEM)


def make(directory: Path) -> Certificates:
    """Make an authority, an intermediate one, and a server's certificate, all valid for two days."""
    root = _signed("Made-up root", None)
    intermediate = _signed("Made-up intermediate", root)
    server = _signed("127.0.0.1", intermediate, is_authority=False)
    key = server.key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    made = Certificates(directory / "authority.pem", directory / "server.pem")
    directory.mkdir(parents=True, exist_ok=True)
    made.authority.write_bytes(root.pem)
    with os.fdopen(os.open(made.server, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(key + server.pem + intermediate.pem)
    return made


def _signed(name: str, issuer: _Party | None, *, is_authority: bool = True) -> _Party:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + _VALID)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_key_usage(is_authority=is_authority), critical=True)
    )
    if issuer:
        issued_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
        builder = builder.add_extension(issued_by, critical=False)
    if not is_authority:
        names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName(COGNITO)]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return _Party(key, builder.sign(issuer.key if issuer else key, hashes.SHA256()))


def _key_usage(*, is_authority: bool) -> x509.KeyUsage:
    unused = dict.fromkeys(
        ["content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"], False
    )
    return x509.KeyUsage(
        digital_signature=True, key_cert_sign=is_authority, crl_sign=is_authority, decipher_only=False, **unused
    )
