"""Who may ask: a page of this origin that sends the key. Everything else is refused, in words that say what to do.

The key comes in a header, which only this origin's own script adds. It is no cookie: browsers send cookies to every
port of a host, so also to a server of another user of the machine.
"""

import hmac
from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ordersctl.shared.runs import own_host

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
NO_STORE = {"Cache-Control": "no-store"}
_READING = {"GET", "HEAD"}


class Guard:
    """Checks each request, and adds the headers that bind the page to its own origin.

    It is plain ASGI: Starlette's BaseHTTPMiddleware would stand in the way of the endless stream.
    """

    def __init__(self, app: ASGIApp, *, port: int, key: str) -> None:
        self._app = app
        self._key = key
        self._hosts = {f"{name}:{port}" for name in own_host.NAMES}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # a WebSocket: there is none here
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        answer = self._refused(Request(scope)) or self._app
        await answer(scope, receive, send_with_headers)

    def _refused(self, request: Request) -> Response | None:
        """Return a refusal; None lets the request pass."""
        refusal = self._refusal(request)
        if refusal is None:
            return None
        status, why = refusal
        if request.method in _READING:
            return PlainTextResponse(why + "\n", status, headers=NO_STORE)
        return not_done(status, why)

    def _refusal(self, request: Request) -> tuple[int, str] | None:
        host = request.headers.get("host", "")
        if host not in self._hosts:
            return 403, f"This page is at http://{min(self._hosts)} only. Open that address."
        if request.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
            return 403, "Another site sent this request. Open the printed address yourself."
        if _is_public(request):
            return None
        if not self._has_key(request):
            return 403, "Open the address that make run, or ordersctl console, has printed: it holds the key."
        return None if request.method in _READING else _act_refusal(request, f"http://{host}")

    def _has_key(self, request: Request) -> bool:
        given = request.headers.get("authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {self._key}".encode())


def _is_public(request: Request) -> bool:
    """Return whether a file of the page is asked for: it holds no data, and its script is what sends the key."""
    path = request.scope["path"]
    return request.method in _READING and (path == "/" or path.startswith("/static/"))


def _act_refusal(request: Request, origin: str) -> tuple[int, str] | None:
    if request.method != "POST":
        return 405, "Only GET and POST are known here."
    if request.headers.get("origin") != origin or request.headers.get("sec-fetch-site") != "same-origin":
        return 403, "Acts are taken from this page only. Use the ordersctl commands in scripts."
    if request.headers.get("content-type") != "application/json":
        return 415, "Acts are JSON: send Content-Type: application/json."
    return None


def not_done(status: int, why: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return the response to a refused act, in the form of the response to every act."""
    return JSONResponse({"command": "", "ok": False, "output": why}, status, headers={**NO_STORE, **(headers or {})})
