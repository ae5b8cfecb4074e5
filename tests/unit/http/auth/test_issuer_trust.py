"""The few authorities that verify most key sets: Mozilla knows them, and the system's store has the last word."""

import ssl
import warnings
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from chalicelib.aws.tls import authorities
from chalicelib.http.auth import issuer_trust
from testkit import certificates

MOZILLAS = Path(certifi.where())


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    issuer_trust.usual.cache_clear()
    yield
    issuer_trust.usual.cache_clear()


@pytest.fixture(scope="module")
def mozillas() -> list[x509.Certificate]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of serial numbers in others' certificates
        return x509.load_pem_x509_certificates(MOZILLAS.read_bytes())


def listed() -> dict[str, str]:
    """Name -> SHA-256 of each authority in the list."""
    lines = issuer_trust.ISSUER_ROOTS.read_text().splitlines()
    return {name: digest for digest, _, name in (line.partition(" ") for line in lines if not line.startswith("#"))}


def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> set[str]:
    """The SHA-256 of those that are tried first, where the system's file has this content."""
    (tmp_path / "store.pem").write_bytes(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "store.pem"))
    likely = issuer_trust.likely("issuer.example.com")
    return {sha256(each).hexdigest() for each in likely.get_ca_certs(binary_form=True)} if likely else set()


def test_each_listed_authority_is_mozillas_and_has_this_name(mozillas: list[x509.Certificate]) -> None:
    known = {
        name.value: each.fingerprint(SHA256()).hex()
        for each in mozillas
        for name in each.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    }
    assert listed() == {name: known[name] for name in listed()}


def test_those_of_the_list_that_the_system_trusts_are_tried_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(MOZILLAS))
    likely = issuer_trust.likely("tenant.eu.auth0.com")
    assert likely is not None
    assert {sha256(each).hexdigest() for each in likely.get_ca_certs(binary_form=True)} == set(listed().values())
    assert likely.verify_mode is ssl.CERT_REQUIRED
    assert likely.check_hostname


def test_one_that_the_system_trusts_no_more_is_not_trusted(
    mozillas: list[x509.Certificate], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = listed()["ISRG Root X1"]
    kept = [each.public_bytes(Encoding.PEM) for each in mozillas if each.fingerprint(SHA256()).hex() != gone]
    assert len(kept) == len(mozillas) - 1
    assert trusted(tmp_path, monkeypatch, b"".join(kept)) == set(listed().values()) - {gone}


@pytest.mark.parametrize(
    "store",
    [
        None,
        b"",
        b"no certificate",
        b"-----BEGIN CERTIFICATE-----\nQ\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nMIIB\n",
    ],
    ids=["no file", "empty", "without certificates", "not base64", "cut off"],
)
def test_a_store_without_any_of_them_leaves_all_to_openssl(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: bytes | None
) -> None:
    if store is not None:
        (tmp_path / "store.pem").write_bytes(store)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "store.pem"))
    assert issuer_trust.likely("issuer.example.com") is None


BEGIN, END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
# What OpenSSL does not read as certificates, or only under conditions: an administrator may have disabled them so.
DISABLED: dict[str, Callable[[bytes], bytes]] = {
    "every line in a comment": lambda text: b"# " + text.replace(b"\n", b"\n# "),
    "their first lines in comments": lambda text: text.replace(BEGIN, b"#" + BEGIN),
    "indented": lambda text: text.replace(b"\n", b"\n  "),
    "on one line": lambda text: text.replace(b"\n", b" "),
    "behind other text": lambda text: text.replace(BEGIN, b"<ca>" + BEGIN),
    "of another kind": lambda text: text.replace(b"CERTIFICATE-----", b"TRUSTED CERTIFICATE-----"),
    "lines that end with CR": lambda text: text.replace(b"\n", b"\r"),
    "the last one cut off": lambda text: text[: text.rindex(END)],
    "one that is broken": lambda text: text.replace(b"\n" + END, b"", 1).replace(BEGIN, BEGIN + b"\nMIIB", 1),
    "one with too little in it": lambda text: text + BEGIN + b"\nMIIB\n" + END + b"\n",
}


@pytest.mark.parametrize("disabled", DISABLED.values(), ids=DISABLED)
def test_what_only_openssl_can_judge_is_left_to_openssl(
    disabled: Callable[[bytes], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert trusted(tmp_path, monkeypatch, disabled(MOZILLAS.read_bytes())) == set()


PLAIN: dict[str, Callable[[bytes], bytes]] = {
    "as it is, with comments between": lambda text: text,
    "lines that end with CR LF": lambda text: text.replace(b"\n", b"\r\n"),
    "blanks at the end of marks": lambda text: text.replace(BEGIN, BEGIN + b" ").replace(END, END + b"\t"),
    "no last line feed": lambda text: text.rstrip(b"\n"),
    "twice": lambda text: text + text,
}


@pytest.mark.parametrize("plain", PLAIN.values(), ids=PLAIN)
def test_plain_certificates_are_found_however_their_lines_end(
    plain: Callable[[bytes], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert trusted(tmp_path, monkeypatch, plain(MOZILLAS.read_bytes())) == set(listed().values())


def test_an_authority_that_is_not_listed_is_not_among_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.make(tmp_path).authority))
    assert issuer_trust.likely("issuer.example.com") is None


def test_an_address_of_aws_is_left_to_amazons_authorities() -> None:
    assert issuer_trust.likely(certificates.COGNITO) is authorities().amazon
