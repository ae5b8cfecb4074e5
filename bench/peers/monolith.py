"""The kind of synchronous monolith that this service replaces: one request validates, stores, calls three services.

`python -m bench.peers.monolith PORT SERVICES_PORT DATABASE`. It has sixteen workers, as an application server may have.
"""

import http.client
import sqlite3
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pydantic import ValidationError

from chalicelib.domain.orders import NewOrder

WORKERS = 16
TIMEOUT = 2.0  # seconds, for each of the three services
SERVICES = ("inventory", "invoicing", "fulfilment")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, port: int, services_port: int, database: str) -> None:
        self.services_port = services_port
        self.workers = threading.BoundedSemaphore(WORKERS)
        self.store = threading.Lock()
        self.database = sqlite3.connect(database, check_same_thread=False)
        self.database.execute("PRAGMA journal_mode=WAL")
        self.database.execute("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, document TEXT)")
        super().__init__(("127.0.0.1", port), Handler)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.workers:
            status, answer = self._place(body)
        content = answer.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _place(self, body: bytes) -> tuple[int, str]:
        try:
            order = NewOrder.model_validate_json(body)
        except ValidationError as error:
            return 422, error.json()
        order_id = uuid.uuid4().hex
        with self.server.store, self.server.database as database:
            database.execute("INSERT INTO orders VALUES (?, ?)", (order_id, order.model_dump_json()))
        for service in SERVICES:
            if not self._call(service, body):
                return 503, f'{{"failed": "{service}"}}'
        return 201, f'{{"order_id": "{order_id}"}}'

    def _call(self, service: str, body: bytes) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.services_port, timeout=TIMEOUT)
        try:
            connection.request("POST", f"/{service}", body)
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature is the library's
        """Log nothing: a line per request would add to the load."""


if __name__ == "__main__":
    Server(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]).serve_forever()
