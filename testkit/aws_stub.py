"""A stub of AWS that answers every call with success, so that benchmarks measure the caller.

`python -m testkit.aws_stub PORT MILLISECONDS ANSWERS.json [CERTIFICATE.pem]`: it answers each call after so many
milliseconds, reads of the table with the answers of the file (operation -> answer), and GET / with the number of calls
of each operation; a GET of any other path has its answer in the file, under GET. With a certificate (its private key
and its chain in the same file) it speaks TLS, as AWS does.
"""

import json
import ssl
import sys
import time
from collections import Counter
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

SECRET = b"a secret of the bench"  # that ids are sealed with
_SNS = "http://sns.amazonaws.com/doc/2010-03-31/"


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, port: int, delay_seconds: float, table: Mapping[str, Any]) -> None:
        self.delay_seconds = delay_seconds
        self.table = table  # operation -> answer
        self.calls: Counter[str] = Counter()
        super().__init__(("127.0.0.1", port), Handler)

    def speak_tls(self, certificate: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        # The handshake is made by the connection's own thread, when it first reads.
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that does not trust the certificate, and comes again with other authorities."""
        if not isinstance(sys.exception(), ssl.SSLError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        operation, answer, kind = self.path, "{}", "application/json"
        if operation == "/":
            operation, answer, kind = _answer(self.headers.get("X-Amz-Target", ""), body, self.server.table)
        self.server.calls[operation] += 1
        time.sleep(self.server.delay_seconds)  # the time that AWS is assumed to need
        self._send(answer, kind)

    def do_GET(self) -> None:
        self._send(json.dumps(self.server.calls if self.path == "/" else self.server.table["GET"]), "application/json")

    def _send(self, text: str, kind: str) -> None:
        content = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature is the library's
        """Log nothing: a line per request would be a load of its own."""


def _answer(target: str, body: bytes, table: Mapping[str, Any]) -> tuple[str, str, str]:
    """The operation, its answer, and the answer's media type."""
    if not target:
        parameters = dict(parse_qsl(body.decode()))
        operation = parameters.get("Action", "?")
        names = [value for name, value in parameters.items() if name.endswith(".Id")]
        entries = "".join(f"<member><Id>{name}</Id><MessageId>m</MessageId></member>" for name in names)
        result = f"<Successful>{entries}</Successful><Failed/>" if names else "<MessageId>m</MessageId>"
        xml = (
            f'<{operation}Response xmlns="{_SNS}"><{operation}Result>{result}</{operation}Result></{operation}Response>'
        )
        return operation, xml, "text/xml"
    operation = target.rpartition(".")[2]
    request = json.loads(body)
    answers: dict[str, object] = {
        "SendMessage": {"MessageId": "m", "MD5OfMessageBody": "0" * 32},
        "DeleteMessageBatch": {"Successful": [{"Id": each["Id"]} for each in request.get("Entries", [])]},
        "GetSecretValue": {"SecretString": SECRET.decode(), "Name": "secret"},
        **table,
    }
    if operation == "GetItem" and request["Key"]["order_id"] != table["GetItem"]["Item"]["order_id"]:
        return operation, "{}", "application/x-amz-json-1.0"
    return operation, json.dumps(answers.get(operation, {})), "application/x-amz-json-1.0"


def main(port: str, delay_ms: str, answers: str, certificate: str | None = None) -> None:
    server = Server(int(port), float(delay_ms) / 1000, json.loads(Path(answers).read_text()))
    if certificate is not None:
        server.speak_tls(Path(certificate))
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
