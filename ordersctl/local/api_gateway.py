"""Makes `chalice local` answer like API Gateway with this API's gateway responses.

Chalice's own server drops connections where API Gateway answers, and is slow over kept-alive connections. This server
is for development only, like Chalice's: it replaces one class of chalice.local, and is not packaged.
"""

import json
import logging
import re
import socket
import time
import uuid
from contextlib import suppress
from email.errors import MultipartInvariantViolationDefect, NoBoundaryInMultipartDefect, StartBoundaryNotFoundDefect
from http import HTTPStatus
from http.client import HTTPMessage
from typing import Any
from urllib.parse import unquote

import chalice.local
from chalice.app import Chalice, ChaliceAuthorizer
from chalice.config import Config
from chalice.local import (
    ChaliceRequestHandler,
    ForbiddenError,
    LocalDevServer,
    LocalGateway,
    NotAuthorizedError,
    ThreadedHTTPServer,
)

from chalicelib.http import problem_document, problems
from chalicelib.http.cors import Origins
from chalicelib.http.problems import Problem
from ordersctl.local import request_body
from ordersctl.local.reference import page as reference
from ordersctl.local.request_body import UnreadableBodyError
from ordersctl.shared.project import ISSUER_PATH

IDLE_SECONDS = 65
_DEFAULT_POLICY_SECONDS = 300  # how long API Gateway keeps a policy where the authorizer does not say
_MOST_POLICIES = 1_000
_WITHOUT_BODY = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
# Defects that the standard library's parser finds in every multipart request, because it reads the head only.
_OF_A_BODY = (
    MultipartInvariantViolationDefect,
    NoBoundaryInMultipartDefect,
    StartBoundaryNotFoundDefect,
)

# To the path's end: an id may be followed by anything in a request that finds no route.
_CUSTOMERS_PATH = re.compile(r"(customers/).*", re.IGNORECASE | re.DOTALL)

logger = logging.getLogger("orders")


def install() -> None:
    """Make `chalice local` use the server below."""
    chalice.local.LocalDevServer = DevServer  # type: ignore[misc,assignment]  # the name that it looks up


class DevServer(LocalDevServer):
    def __init__(self, app_object: Chalice, config: Config, host: str, port: int) -> None:
        _cache_authorizers(app_object)
        super().__init__(app_object, config, host, port, handler_cls=RequestHandler, server_cls=Server)


class CachedAuthorizer(ChaliceAuthorizer):
    """An authorizer whose policy is kept for a token, as API Gateway keeps it; a failure is not kept.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
    """

    def __init__(self, authorizer: ChaliceAuthorizer) -> None:
        super().__init__(authorizer.name, authorizer.func, authorizer.scopes)
        self.config = authorizer.config
        seconds = authorizer.config.ttl_seconds
        self._seconds = _DEFAULT_POLICY_SECONDS if seconds is None else seconds
        self._kept: dict[str, tuple[float, dict[str, Any]]] = {}  # token -> until when, and the policy

    def __call__(self, event: dict[str, Any], context: dict[str, Any]) -> dict[str, Any]:
        token = event["authorizationToken"]
        until, policy = self._kept.get(token, (0.0, {}))
        if time.monotonic() >= until:
            policy = super().__call__(event, context)
            if not policy:  # the function answered nothing: a configuration error, which is not kept
                return policy
            if len(self._kept) >= _MOST_POLICIES:
                self._kept.clear()
            self._kept[token] = (time.monotonic() + self._seconds, policy)
        return {**policy, "context": dict(policy["context"])}  # Chalice adds to the context


def _cache_authorizers(app_object: Chalice) -> None:
    cached: dict[int, CachedAuthorizer] = {}
    for entry in (entry for methods in app_object.routes.values() for entry in methods.values()):
        authorizer: Any = entry.authorizer
        if isinstance(authorizer, ChaliceAuthorizer) and not isinstance(authorizer, CachedAuthorizer):
            # Chalice's own type for authorizers leaves out the built-in ones
            entry.authorizer = cached.setdefault(id(authorizer), CachedAuthorizer(authorizer))  # type: ignore[assignment]


class Server(ThreadedHTTPServer):
    request_queue_size = 128  # five clients at once overflow the standard backlog

    def shutdown_request(self, request: Any) -> None:
        # Closing a socket with unread bytes resets the connection, and the client may lose the answer (RFC 9112, 9.6).
        with suppress(OSError):
            request.shutdown(socket.SHUT_WR)
            request.settimeout(1)
            left = 4 * request_body.MAX_BODY_BYTES
            while left > 0 and (got := len(request.recv(65536))):
                left -= got
        self.close_request(request)


class Gateway(LocalGateway):
    def _generate_lambda_event(self, method: str, path: str, headers: Any, body: Any) -> dict[str, Any]:
        try:
            event: dict[str, Any] = super()._generate_lambda_event(method, path, headers, body)
        except ValueError as error:
            raise Problem("not-found", 404, "No such path; /openapi.json lists the paths") from error
        # Chalice passes path parameters as they are in the request line, API Gateway decodes them.
        parameters = event["pathParameters"]
        event["pathParameters"] = {name: unquote(value) for name, value in parameters.items()}
        event["multiValueHeaders"] = headers.every
        return event

    def handle_request(self, method: str, path: str, headers: Any, body: Any) -> Any:
        try:
            return super().handle_request(method, path, headers, body)
        except Problem:
            raise
        except NotAuthorizedError as error:
            logger.info("token.refused", extra={"reason": "there is no header Authorization"})
            raise _unauthorized() from error
        except ForbiddenError as error:
            raise Problem("forbidden", 403, "The token does not allow this") from error
        except Exception as error:
            # An authorizer says 401 by raising exactly this (API Gateway guide, "Use Lambda authorizers").
            if str(error) == "Unauthorized":
                raise _unauthorized() from error
            # Any other failure of an authorizer: the gateway responses AUTHORIZER_FAILURE and …_CONFIGURATION_ERROR.
            logger.exception("authorizer.failed")
            raise Problem("unavailable", 503, "Nothing was changed", headers={"Retry-After": "5"}) from error


class Headers(dict[str, str]):
    """A request's headers, of those sent more than once the last; `every` has all."""

    def __init__(self, message: HTTPMessage) -> None:
        super().__init__(message.items())
        self.every = {name: message.get_all(name, []) for name in self}


def _unauthorized() -> Problem:
    return Problem("unauthorized", 401, problem_document.NO_VALID_TOKEN, headers={"WWW-Authenticate": "Bearer"})


class RequestHandler(ChaliceRequestHandler):
    disable_nagle_algorithm = True  # Nagle's algorithm would delay each answer on a kept-alive connection by 40 ms
    wbufsize = -1  # so that head and body leave in one packet
    timeout = IDLE_SECONDS  # without a timeout a client that falls silent would hold its thread permanently

    def setup(self) -> None:
        super().setup()
        self.local_gateway.__class__ = Gateway  # Chalice sets this in a constructor that also serves requests

    def handle(self) -> None:
        # A client that closes its connection is not an error: there is nobody to answer, and nothing to log.
        with suppress(ConnectionError):
            super().handle()

    def _generic_handle(self) -> None:
        try:
            if any(not isinstance(defect, _OF_A_BODY) for defect in self.headers.defects):
                raise UnreadableBodyError(Problem("bad-request", 400, "The headers cannot be read"))
            if self.path.partition("?")[0] == ISSUER_PATH:
                self._give_token()
                return
            body = request_body.read(self.headers, self.rfile)
            if self._is_of_the_reference():
                return
            body = request_body.decompressed(body, self.headers)
            answer = self.local_gateway.handle_request(self.command, self.path, Headers(self.headers), body or None)
            headers = {**answer["headers"], **answer["multiValueHeaders"]}
            if self.command == "OPTIONS":
                headers |= self._cors()
            self._answer(answer["statusCode"], headers, self._handle_binary(answer)["body"])
        except UnreadableBodyError as error:
            self._refuse(self._closing(error.problem))
        except Problem as problem:
            self._refuse(problem)
        except (ConnectionError, TimeoutError):
            raise
        except Exception:  # where a function fails, API Gateway answers 500
            logger.exception("gateway.failed")
            self._refuse(Problem("internal-server-error", 500, "Try again"))

    def _give_token(self) -> None:
        from ordersctl.local import token_endpoint  # noqa: PLC0415 - slow to import, and few runs need it

        body = request_body.read(self.headers, self.rfile, most=token_endpoint.MAX_BODY_BYTES)
        token = token_endpoint.answer(self.command, self.headers, body)
        self._answer(token.status, token.headers, token.body)

    def _is_of_the_reference(self) -> bool:
        """Answer a request for the reference page; a browser that opens the API's root is sent there."""
        if self.path == "/" and self.command in {"GET", "HEAD"} and "text/html" in self.headers.get("Accept", ""):
            self._answer(HTTPStatus.FOUND, {"Location": reference.PATH, "Vary": "Accept"}, None)
        elif self.path == f"{reference.PATH}/" and self.command in {"GET", "HEAD"}:
            self._answer(HTTPStatus.FOUND, {"Location": reference.PATH}, None)
        elif found := reference.answer(self.command, self.path, self.headers):
            self._answer(200, {"Content-Type": found[0], "Content-Security-Policy": reference.POLICY}, found[1])
        else:
            return False
        return True

    def _cors(self) -> dict[str, str]:
        """The headers that let a page read an answer that is not the service's own."""
        allowed = self.local_gateway._app_object.api.cors  # noqa: SLF001 - the server knows its application nowhere else
        sent = getattr(self, "headers", None)  # none of a request whose first line cannot be read
        return allowed.headers_for(sent.get("Origin") if sent else None) if isinstance(allowed, Origins) else {}

    # The standard library's server finds its methods by these names.
    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = do_OPTIONS = _generic_handle  # noqa: N815
    do_TRACE = do_QUERY = _generic_handle  # noqa: N815 - for 405, as no operation has them; the library answers 501

    def _closing(self, problem: Problem) -> Problem:
        self.close_connection = True  # the beginning of the next request is unknown
        return problem

    def handle_expect_100(self) -> bool:
        continues: bool = super().handle_expect_100()
        self.wfile.flush()  # the client waits for it
        return continues

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer a request that the standard library's parser refuses."""
        del message, explain
        # without this, a request without a readable version gets no headers
        self.request_version = self.protocol_version
        self._refuse(self._closing(Problem("bad-request", code, HTTPStatus(code).phrase)))

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log method, path and status; the query and the path of a customer's orders would name the customer."""
        path = unquote(self.path).partition("?")[0] if self.command else "-"  # no command: an unreadable request line
        self.log_message('"%s %s" %s %s', self.command or "-", _CUSTOMERS_PATH.sub(r"\1…", path), int(code), size)

    def _refuse(self, problem: Problem) -> None:
        self._headers_buffer: list[bytes] = []  # the rest of an answer that failed half way
        instance = str(uuid.uuid4())
        headers = {"Content-Type": problem_document.CONTENT_TYPE, **problem.headers, **self._cors()}
        self._answer(problem.status, headers, json.dumps(problems.document(problem, instance)))

    def _answer(self, status: int, headers: Any, body: str | bytes | None) -> None:
        content = body.encode() if isinstance(body, str) else body or b""
        if status not in _WITHOUT_BODY:
            headers = {"Content-Type": "application/json", **headers}
        if status not in _WITHOUT_BODY and self.command != "HEAD":  # the length of GET's content is not known
            headers["Content-Length"] = str(len(content))
        if self.close_connection:
            headers = {**headers, "Connection": "close"}
        self.send_response(status)
        for name, value in headers.items():
            for each in value if isinstance(value, list) else [value]:
                self.send_header(name, str(each))
        self.end_headers()
        if self.command != "HEAD" and status not in _WITHOUT_BODY:
            self.wfile.write(content)
