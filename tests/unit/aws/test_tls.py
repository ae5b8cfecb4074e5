"""Whom the thin client trusts: Amazon's five roots as Amazon publishes them, then the system's authorities."""

import hashlib
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import botocore
import pytest
from botocore.exceptions import EndpointConnectionError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from chalicelib.aws.json_client import JsonClient
from chalicelib.aws.sigv4 import Credentials
from chalicelib.aws.timeouts import CallPolicy
from chalicelib.aws.tls import AMAZON_ROOTS, Authorities
from testkit import certificates
from testkit.certificates import Certificates

# "SHA-256 hash of subject public key information": https://www.amazontrust.com/repository/, which recommends all five.
PUBLISHED = {
    "CN=Amazon Root CA 1": "fbe3018031f9586bcbf41727e417b7d1c45c2f47f93be372a17b96b50757d5a2",
    "CN=Amazon Root CA 2": "7f4296fc5b6a4e3b35d3c369623e364ab1af381d8fa7121533c9d6c633ea2461",
    "CN=Amazon Root CA 3": "36abc32656acfc645c61b71613c4bf21c787f5cabbee48348d58597803d7abc9",
    "CN=Amazon Root CA 4": "f7ecded5c66047d28ed6466b543c40e0743abe81d109254dcf845d4c2c7853c5",
    "CN=Starfield Services Root Certificate Authority - G2": (
        "2b071c59a0a0ae76b0eadb2bad23bad4580b69c3601b630c2eaf0613afa83f92"
    ),
}


def key_hash(certificate: x509.Certificate) -> str:
    encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(certificate.public_key().public_bytes(encoding, form)).hexdigest()


def read(path: Path) -> list[x509.Certificate]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of serial numbers in other authorities' certificates
        return x509.load_pem_x509_certificates(path.read_bytes())


def test_the_shipped_roots_have_the_keys_that_amazon_publishes() -> None:
    shipped = {each.subject.rfc4514_string().partition(",")[0]: key_hash(each) for each in read(AMAZON_ROOTS)}
    assert shipped == PUBLISHED


def test_the_shipped_roots_are_those_that_botocore_trusts() -> None:
    theirs = {each.fingerprint(hashes.SHA256()) for each in read(Path(botocore.__file__).with_name("cacert.pem"))}
    assert {each.fingerprint(hashes.SHA256()) for each in read(AMAZON_ROOTS)} <= theirs


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates.make(tmp_path_factory.mktemp("tls"))


class Server:
    """Speaks TLS with a certificate for 127.0.0.1; counts the handshakes that clients complete and break off."""

    def __init__(self, certificate: Path) -> None:
        self.completed, self.refused = 0, 0
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):  # closed
            while True:
                accepted, _ = self._listening.accept()
                with accepted:
                    self._greet(accepted)

    def _greet(self, accepted: socket.socket) -> None:
        accepted.settimeout(5)
        try:
            with self._context.wrap_socket(accepted, server_side=True) as connection:
                connection.send(b"x")
                connection.recv(1)  # with TLS 1.3 a client's refusal comes after the server's handshake
        except OSError:
            self.refused += 1
        else:
            self.completed += 1

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


@pytest.fixture
def server(made: Certificates) -> Iterator[Server]:
    serving = Server(made.server)
    yield serving
    serving.close()


def greeted(authorities: Authorities, server: Server, host: str = "127.0.0.1") -> bool:
    """Connect, and read what the server says first."""
    with authorities.connect(host, server.port, 5) as connection:
        said: bytes = connection.recv(1)
        connection.sendall(b"y")
        return said == b"x"


def test_a_server_of_the_shipped_roots_is_trusted_without_the_system_s(
    made: Certificates, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    assert greeted(Authorities(made.authority), server)


def test_where_the_shipped_roots_do_not_suffice_the_system_decides_and_is_asked_first_from_then_on(
    made: Certificates, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    authorities = Authorities()
    assert [greeted(authorities, server) for _ in range(3)] == [True] * 3
    assert server.refused == 1


def test_a_server_that_neither_knows_is_refused_and_the_shipped_roots_stay_first(
    made: Certificates, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(AMAZON_ROOTS))
    with pytest.raises(ssl.SSLCertVerificationError):
        Authorities().connect("127.0.0.1", server.port, 5)
    trusting = Authorities(made.authority)
    with pytest.raises(ssl.SSLCertVerificationError):
        trusting.connect("localhost", server.port, 5)  # the certificate is of another name
    assert greeted(trusting, server)


def test_a_call_to_a_server_that_nobody_certified_sends_nothing(server: Server) -> None:
    sqs = JsonClient(
        "sqs",
        region="us-east-1",
        endpoint_url=f"https://127.0.0.1:{server.port}",
        credentials=lambda: Credentials("key", "secret", None),
        policy=CallPolicy(5, 5, 1),
    )
    with pytest.raises(EndpointConnectionError):
        sqs.send_message(MessageBody="x")
    assert server.completed == 0
