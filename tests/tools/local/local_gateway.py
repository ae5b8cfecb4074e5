"""A small app behind the local API server, and clients that send it anything."""

import http.client
import json
import socket
from collections import Counter
from typing import Any

from chalice.app import AuthRequest, AuthResponse, Chalice, Response

app = Chalice("gateway-test", configure_logs=False)
asked: Counter[str] = Counter()  # how often the authorizers were called, by token


@app.authorizer()
def authorizer(request: AuthRequest) -> AuthResponse | None:
    asked[request.token] += 1
    match request.token:
        case "unauthorized":
            raise RuntimeError("Unauthorized")
        case "broken":
            raise RuntimeError("no")
        case "nothing":
            return None
        case _:
            return AuthResponse(routes=["*"] if request.token.startswith("good") else [], principal_id="p")


@app.authorizer(ttl_seconds=0)
def forgetful_authorizer(request: AuthRequest) -> AuthResponse:
    asked[request.token] += 1
    return AuthResponse(routes=["*"], principal_id="p")


@app.route("/things/{name}", methods=["GET", "POST"], content_types=["*/*"])
def thing(name: str) -> dict[str, Any]:
    request = app.current_request
    assert request is not None
    return {"name": name, "bytes": len(request.raw_body), "x": request.headers.get("x")}


@app.route("/echo", methods=["POST"], content_types=["text/plain"])
def echo() -> Response:
    request = app.current_request
    assert request is not None
    body = request.raw_body
    assert isinstance(body, bytes)
    return Response(body.decode(), headers={"Content-Type": "text/plain"})


@app.route("/guarded", authorizer=authorizer)
def guarded() -> str:
    return "in"


@app.route("/guarded-too", authorizer=authorizer)
def guarded_too() -> str:
    return "in"


@app.route("/guarded-each-time", authorizer=forgetful_authorizer)
def guarded_each_time() -> str:
    return "in"


@app.route("/header/{value}")
def header(value: str) -> Response:
    return Response("", headers={"X": value})


@app.route("/nothing")
def nothing() -> Response:
    return Response("", status_code=204)


def ask(port: int, method: str, path: str, **more: Any) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, **more)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def raw(port: int, request: bytes) -> bytes:
    """Send bytes; returns the answer up to the end of the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def problem(status: int, headers: http.client.HTTPMessage, body: bytes) -> tuple[int, str]:
    """Check that an answer is a problem (RFC 9457), and return its status and slug."""
    assert headers["Content-Type"] == "application/problem+json"
    document = json.loads(body)
    assert document["status"] == status
    assert document["title"]
    assert document["instance"]
    return status, document["type"].removeprefix("urn:problem:orders:")


def raw_problem(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    assert b"Connection: close" in head
    return int(head.split()[1]), json.loads(body)["type"].removeprefix("urn:problem:orders:")
