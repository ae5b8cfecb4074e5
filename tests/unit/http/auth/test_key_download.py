"""Reading keys from an https address of this machine: it may be slow, silent, huge, or lead elsewhere."""

import datetime as dt
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.aws.tls import Authorities
from chalicelib.http.auth import issuer_trust, key_download
from chalicelib.http.auth.key_download import MAX_BYTES, download
from chalicelib.http.auth.key_set import read_location
from testkit import certificates

DEADLINE = 0.4  # seconds; the service's own is longer
MARGIN = 0.6  # for a machine that is busy
Handler = Callable[[socket.socket, threading.Event], None]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 with its key, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


def forget() -> None:
    issuer_trust.of_system.cache_clear()
    issuer_trust.usual.cache_clear()
    key_download.of_others.clear()


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    forget()


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    trust(monkeypatch, certificate)
    return certificate


def trust(monkeypatch: pytest.MonkeyPatch, authorities: Path) -> None:
    """OpenSSL takes the certificates to trust from this variable, when there is one."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authorities))
    forget()


@contextmanager
def serving(handler: Handler, certificate: Path | None) -> Iterator[tuple[str, list[socket.socket]]]:
    """A server on 127.0.0.1, with TLS where there is a certificate; yields its address and the connections made."""
    over, connections = threading.Event(), list[socket.socket]()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
    if context and certificate:
        context.load_cert_chain(certificate)

    def serve() -> None:
        while not over.is_set():
            with suppress(OSError):
                accepted, _ = listening.accept()
                accepted.settimeout(5)
                connections.append(accepted)
                with accepted, context.wrap_socket(accepted, server_side=True) if context else accepted as connection:
                    handler(connection, over)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        scheme = "https" if certificate else "http"
        try:
            yield f"{scheme}://127.0.0.1:{listening.getsockname()[1]}/jwks.json?v=1", connections
        finally:
            over.set()
            thread.join(10)


def answering(*parts: bytes) -> Handler:
    def handle(connection: socket.socket, _over: threading.Event) -> None:
        connection.recv(65_536)
        for part in parts:
            connection.sendall(part)

    return handle


def dripping(head: bytes) -> Handler:
    """Each byte comes soon after the one before, and the answer never ends."""

    def handle(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(65_536)
        connection.sendall(head)
        while not over.wait(0.02):
            connection.sendall(b"x")

    return handle


def silent(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(65_536)
    over.wait(20)


def fails(address: str) -> tuple[Exception, float]:
    """Why reading fails, and after how many seconds."""
    began = time.monotonic()
    with pytest.raises((OSError, ValueError)) as caught:
        download(address, DEADLINE)
    return caught.value, time.monotonic() - began


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        OK + b'Content-Length: 11\r\n\r\n{"keys":[]}',
        OK + b'Connection: close\r\n\r\n{"keys":[]}',
        OK + b'Transfer-Encoding: chunked\r\n\r\n4\r\n{"ke\r\n7\r\nys":[]}\r\n0\r\n\r\n',
    ],
    ids=["of a known length", "until the end", "in chunks"],
)
def test_an_address_is_read(trusted: Path, answer: bytes) -> None:
    with serving(answering(answer), trusted) as (address, _):
        assert download(address) == b'{"keys":[]}'


def test_the_request_is_for_the_whole_address(trusted: Path) -> None:
    asked: list[bytes] = []

    def handle(connection: socket.socket, _over: threading.Event) -> None:
        asked.append(connection.recv(65_536))
        connection.sendall(OK + b"Content-Length: 0\r\n\r\n")

    with serving(handle, trusted) as (address, _):
        download(address)
        download(address.partition("/jwks")[0])
    assert [line.partition(b"\r\n")[0] for line in asked] == [b"GET /jwks.json?v=1 HTTP/1.1", b"GET / HTTP/1.1"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(trusted: Path, status: int) -> None:
    for certificate in (None, trusted):  # neither to http nor to https
        with serving(answering(OK + b"Content-Length: 2\r\n\r\n{}"), certificate) as (elsewhere, connections):
            head = f"HTTP/1.1 {status} Moved\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n"
            with serving(answering(head.encode()), trusted) as (address, _):
                assert str(status) in str(fails(address)[0])
            assert connections == []


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified", b"404 Not Found", b"500 Oops"])
def test_an_answer_that_is_not_200_is_a_failure(trusted: Path, status: bytes) -> None:
    with serving(answering(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n"), trusted) as (address, _):
        fails(address)


@pytest.mark.parametrize(
    "handler",
    [
        silent,
        dripping(b""),
        dripping(b"HTTP/1.1 200 OK\r\nX-A: "),
        dripping(OK + b"Content-Length: 100000\r\n\r\n"),
        dripping(OK + b"Connection: close\r\n\r\n"),
    ],
    ids=["silent", "a dripping status", "dripping headers", "a dripping body", "an endless body"],
)
def test_one_deadline_is_over_the_whole_answer(trusted: Path, handler: Handler) -> None:
    with serving(handler, trusted) as (address, _):
        _, seconds = fails(address)
        assert seconds < DEADLINE + MARGIN
        for thread in [each for each in threading.enumerate() if each.name == "key-set"]:
            thread.join(5)
            assert not thread.is_alive(), "an abandoned download must end"


@pytest.mark.parametrize("handler", [silent, dripping(b"\x16\x03\x03\x40\x00")], ids=["silent", "dripping"])
def test_one_deadline_is_over_the_handshake_too(handler: Handler) -> None:
    with serving(handler, None) as (address, _):
        _, seconds = fails(address.replace("http:", "https:"))
        assert seconds < DEADLINE + MARGIN


@pytest.mark.parametrize(
    "head", [b"Content-Length: %d\r\n\r\n" % (MAX_BYTES + 1), b"Connection: close\r\n\r\n"], ids=["known", "unknown"]
)
def test_no_more_than_a_limit_is_read(trusted: Path, head: bytes) -> None:
    with serving(answering(OK + head, b" " * (MAX_BYTES + 1)), trusted) as (address, _):
        assert str(MAX_BYTES) in str(fails(address)[0])
    with serving(answering(OK + b"Content-Length: %d\r\n\r\n" % MAX_BYTES, b" " * MAX_BYTES), trusted) as (address, _):
        assert len(download(address)) == MAX_BYTES


@pytest.mark.parametrize("answer", [b"", b"\r\n", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\x00" * 100])
def test_an_answer_that_is_not_http_is_a_failure(trusted: Path, answer: bytes) -> None:
    with serving(answering(answer), trusted) as (address, _):
        fails(address)


def test_an_address_with_an_untrusted_certificate_is_not_read(certificate: Path) -> None:
    with serving(answering(OK + b"Content-Length: 2\r\n\r\n{}"), certificate) as (address, _):
        assert isinstance(fails(address)[0], ssl.SSLCertVerificationError)


@pytest.mark.parametrize("trusts", ["Amazon's authorities", "the system's"])
def test_an_address_of_aws_is_verified_by_amazons_authorities_and_else_by_the_systems(
    trusts: str, tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, server = certificates.make(tmp_path)
    amazon = trusts == "Amazon's authorities"
    monkeypatch.setattr(issuer_trust, "authorities", lambda: Authorities(authority if amazon else certificate))
    trust(monkeypatch, certificate if amazon else authority)
    with serving(answering(OK + b"Content-Length: 2\r\n\r\n{}"), server) as (address, _):
        port = urlsplit(address).port
        connect = socket.create_connection
        monkeypatch.setattr(socket, "create_connection", lambda _, *rest: connect(("127.0.0.1", port), *rest))
        assert download(f"https://{certificates.COGNITO}/pool/.well-known/jwks.json") == b"{}"
        if amazon:
            for host in ("127.0.0.1", f"{certificates.COGNITO}.example", "amazonaws.com.example"):
                assert isinstance(fails(f"https://{host}/")[0], ssl.SSLCertVerificationError)


@pytest.mark.parametrize("issuer", ["a usual one", "another"])
def test_a_key_set_is_verified_by_a_usual_authority_or_else_by_all_that_the_system_trusts(
    issuer: str, tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, server = certificates.make(tmp_path)
    is_usual = issuer == "a usual one"
    issuing, other = [x509.load_pem_x509_certificate(each.read_bytes()) for each in (authority, certificate)]
    listed = issuing if is_usual else other
    (tmp_path / "names.txt").write_text(f"{listed.fingerprint(hashes.SHA256()).hex()} An authority")
    monkeypatch.setattr(issuer_trust, "ISSUER_ROOTS", tmp_path / "names.txt")
    pem = serialization.Encoding.PEM
    (tmp_path / "store.pem").write_bytes(issuing.public_bytes(pem) + other.public_bytes(pem))
    trust(monkeypatch, tmp_path / "store.pem")
    with serving(answering(OK + b"Content-Length: 2\r\n\r\n{}"), server) as (address, connections):
        assert [download(address), download(address)] == [b"{}"] * 2
    assert len(connections) == (2 if is_usual else 3), "that another authority has issued it is remembered"
    assert issuer_trust.of_system.cache_info().currsize == (0 if is_usual else 1), "slow to read, and not needed"


def test_an_address_without_a_server_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    fails(f"https://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    "location", ["https://", "https://[/", "https://h:port/", "https://h/ a b", "https://h/\r\nX: y"]
)
def test_an_invalid_address_is_a_failure(location: str) -> None:
    fails(location)


def test_a_location_is_an_address_or_a_file(trusted: Path, tmp_path: Path) -> None:
    with serving(answering(OK + b"Content-Length: 2\r\n\r\n{}"), trusted) as (address, _):
        assert read_location(address) == b"{}"
    (tmp_path / "jwks.json").write_bytes(b"[]")
    assert read_location(str(tmp_path / "jwks.json")) == b"[]"


@pytest.mark.parametrize(
    "location", ["no/jwks.json", "http://127.0.0.1/jwks.json", "ftp://h/", "file:///etc/passwd", ""]
)
def test_a_location_that_is_neither_is_a_failure(location: str) -> None:
    with pytest.raises(OSError, match=r"No such file|Is a directory"):
        read_location(location)
