"""Who may ask the console what: the key, the host, the origin, the type. Nothing else reaches an endpoint."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from ordersctl.console.acts import Acts
from ordersctl.console.server import Console
from ordersctl.console.sources import LocalSource
from ordersctl.shared.stage import Stage
from testkit.servers import processes
from testkit.waiting import free_port

PORT, KEY = 8080, "the-key"
HOST = f"127.0.0.1:{PORT}"
BEARER = {"authorization": f"Bearer {KEY}"}
COOKIE = {"cookie": f"orders-console-{PORT}={KEY}; key={KEY}; authorization=Bearer {KEY}"}
SAME = {"origin": f"http://{HOST}", "sec-fetch-site": "same-origin", "content-type": "application/json"}


def answer(
    method: str, path: str, headers: dict[str, str] | None = None, content: bytes | None = None
) -> httpx.Response:
    stage = Stage.at("local")
    acts = Acts(stage, None, allowed=True)
    app = Console(stage, LocalSource(stage), acts, allowed=True).app(port=PORT, key=KEY)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://{HOST}") as client:
            sent = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
            return await client.request(method, path, headers=sent, content=content)

    return asyncio.run(ask())


REFUSED = {
    "no key": ("GET", "/stream", {}, 403, "printed"),
    "a wrong key": ("GET", "/stream", {"authorization": "Bearer the-keyx"}, 403, "printed"),
    "a key that is no ASCII": ("GET", "/stream", {"authorization": "Bearer \u00e9"}, 403, "printed"),
    "a key of another kind": ("GET", "/stream", {"authorization": f"Basic {KEY}"}, 403, "printed"),
    "the key in the address": ("GET", "/stream?key=the-key", {}, 403, "printed"),
    "the key in a cookie": ("GET", "/stream", COOKIE, 403, "printed"),
    "an act with the key in a cookie": ("POST", "/acts", {**COOKIE, **SAME}, 403, "printed"),
    "an order without the key": ("GET", "/orders/ord_1", {}, 403, "printed"),
    "an address under a public one": ("GET", "/static/%2e%2e/stream", {}, 404, "nothing at this address"),
    "an act on a public address": ("POST", "/", SAME, 403, "printed"),
    "a foreign host": ("GET", "/", {**BEARER, "host": "evil.example"}, 403, "is at http://127.0.0.1:8080"),
    "a foreign host's port": ("GET", "/", {**BEARER, "host": "127.0.0.1:9999"}, 403, "is at http://127.0.0.1:8080"),
    "the page at a foreign host": ("GET", "/", {"host": "evil.example:8080"}, 403, "is at http://127.0.0.1:8080"),
    "another site's request": ("GET", "/", {**BEARER, "sec-fetch-site": "cross-site"}, 403, "Another site"),
    "another port's request": ("GET", "/", {**BEARER, "sec-fetch-site": "same-site"}, 403, "Another site"),
    "an act without the key": ("POST", "/acts", SAME, 403, "printed"),
    "an act without Origin": ("POST", "/acts", {**BEARER, **SAME, "origin": ""}, 403, "this page only"),
    "an act of another origin": (
        "POST",
        "/acts",
        {**BEARER, **SAME, "origin": "http://127.0.0.1:8000"},
        403,
        "this page only",
    ),
    "an act of the other name": (
        "POST",
        "/acts",
        {**BEARER, **SAME, "origin": f"http://localhost:{PORT}"},
        403,
        "this page only",
    ),
    "an act without Sec-Fetch-Site": (
        "POST",
        "/acts",
        {**BEARER, **SAME, "sec-fetch-site": "none"},
        403,
        "this page only",
    ),
    "an act that is a form": (
        "POST",
        "/acts",
        {**BEARER, **SAME, "content-type": "text/plain"},
        415,
        "application/json",
    ),
    "a method that is not known": ("DELETE", "/acts", {**BEARER, **SAME}, 405, "GET and POST"),
    "an act that is read": ("GET", "/acts", BEARER, 405, "sent by POST"),
    "an address that is not known": ("GET", "/order", BEARER, 404, "nothing at this address"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_request_is_refused_with_what_to_do(name: str) -> None:
    method, path, headers, status, says = REFUSED[name]
    refused = answer(method, path, headers, b"{}" if method == "POST" else None)
    assert (refused.status_code, says in refused.text) == (status, True), refused.text
    assert "set-cookie" not in refused.headers
    assert "default-src 'none'" in refused.headers["content-security-policy"]
    if path == "/acts":
        assert refused.json().keys() == {"command", "ok", "output"}


def test_the_page_and_its_files_hold_no_data_and_are_served_under_a_policy_without_unsafe() -> None:
    for path in ("/", f"/?key={KEY}", "/static/app.js", "/static/vendor/uPlot.iife.min.js"):
        served = answer("GET", path)
        assert served.status_code == 200
        assert "set-cookie" not in served.headers  # a browser would send it to every port
        assert KEY not in served.text
        assert served.headers["referrer-policy"] == "no-referrer"
        policy = served.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert served.headers["x-content-type-options"] == "nosniff"


def test_no_path_leads_out_of_the_static_files() -> None:
    for path in ("/static/../command.py", "/static/%2e%2e/command.py", "/static/..%2fcommand.py"):
        assert answer("GET", path, BEARER).status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"", 400, "not JSON"),
        (b"{", 400, "not JSON"),
        (b"\xff", 400, "not JSON"),
        (b"[" * 4_000, 400, "not JSON"),
        (b"[]", 400, "a JSON object"),
        (b"null", 400, "a JSON object"),
        (b'{"act": "' + b"x" * 9_999, 413, "at most 4,096 bytes"),
        (b'{"act": "rm -rf"}', 403, "no such act"),
        (b'{"act": 1}', 403, "no such act"),
    ],
)
def test_an_act_that_is_none_does_nothing_and_says_why(body: bytes, status: int, says: str) -> None:
    for path in ("/acts", "/dead-letters") if status != 403 else ("/acts",):
        refused = answer("POST", path, {**BEARER, **SAME}, body)
        assert (refused.status_code, refused.json()["ok"]) == (status, False)
        assert says in refused.json()["output"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, str]]:
    """A console that runs, without a stage: its port and the address that it printed."""
    scratch, port = tmp_path_factory.mktemp("console"), free_port()
    output = scratch / "printed.txt"
    nowhere = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "ordersctl", "console", "--port", str(port), "--engine", nowhere]
    environment = {**os.environ, "ORDERS_STATE_DIR": str(scratch), "PYTHONUNBUFFERED": "1"}
    with (
        output.open("wb") as file,
        processes.running(command, lambda: "key=" in output.read_text(), stdout=file, env=environment),
    ):
        yield port, output.read_text().split()[-1]


def test_the_printed_address_opens_the_page_for_curl_and_for_this_machine_alone(served: tuple[int, str]) -> None:
    port, address = served
    origin, _, key = address.partition("/#key=")
    assert "<title>Orders console</title>" in curl(address)
    unknown = curl("--header", f"Authorization: Bearer {key}", f"{origin}/orders/ord_1")
    assert "it begins with ord_" in unknown  # the key passed: this is the answer about the order
    others = {each[4][0] for each in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET)} - {"127.0.0.1"}
    for other in others:
        with closing(socket.socket()) as probe:
            probe.settimeout(2)
            assert probe.connect_ex((other, port)) != 0


def test_curl_is_refused_in_the_same_way(served: tuple[int, str]) -> None:
    port, address = served
    key = address.partition("#key=")[2]
    for name, (method, path, headers, status, says) in REFUSED.items():
        given = [
            f"{header}: {value}".replace(KEY, key).replace(str(PORT), str(port)) for header, value in headers.items()
        ]
        options = [option for each in given for option in ("--header", each)]
        data = ["--data", "{}"] if method == "POST" else []
        url = f"http://127.0.0.1:{port}{path.replace(KEY, key)}"
        got = curl("--request", method, "--write-out", "%{http_code}", *data, *options, url)
        assert got.endswith(str(status)), f"{name}: {got}"
        assert says.replace(str(PORT), str(port)) in got, f"{name}: {got}"


def curl(*arguments: str) -> str:
    command = ["curl", "--silent", "--noproxy", "*", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - fixed arguments
