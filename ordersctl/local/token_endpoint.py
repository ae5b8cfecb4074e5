"""The token endpoint of the local run: OAuth 2.0 client credentials, as an identity provider offers them to services.

Any name may be a client. Its secret follows from the run's signing key, so there is no list of clients to keep.
"""

import base64
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs, unquote_plus

from chalicelib.domain.orders import CUSTOMER_ID_PATTERN
from ordersctl.local.reference.local_token import Headers
from ordersctl.local.tokens import SERVICE_SCOPE, client_secret, local_token
from ordersctl.shared.runs.own_host import is_own

TTL_SECONDS = 15 * 60
MAX_BODY_BYTES = 4_096  # a form has a few hundred
_HEADERS = {"Content-Type": "application/json", "Cache-Control": "no-store"}
_HEADERS_OF = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": 'Basic realm="orders"'},
    HTTPStatus.METHOD_NOT_ALLOWED: {"Allow": "POST"},
}


@dataclass(frozen=True)
class Answer:
    """What the endpoint answers; `document` is a token, or an error of RFC 6749, section 5.2."""

    status: int
    document: Mapping[str, str | int]

    @property
    def headers(self) -> dict[str, str]:
        return _HEADERS | _HEADERS_OF.get(HTTPStatus(self.status), {})

    @property
    def body(self) -> str:
        return json.dumps(self.document)


def answer(method: str, headers: Headers, body: bytes) -> Answer:
    """Answer a request for a token (RFC 6749, section 4.4)."""
    if _is_of_a_page(headers):
        return _refused(403, "invalid_request", "A service of this machine may ask, and no page in a browser.")
    if method != "POST":
        return _refused(405, "invalid_request", "Send a form by POST.")
    return _granted(headers.get("Authorization"), _form(body))


def _is_of_a_page(headers: Headers) -> bool:
    """Tell whether a browser sent this for a page: one of another site, or one that another name led here."""
    by_a_page = "Origin" in headers or headers.get("Sec-Fetch-Site", "none") != "none"
    return by_a_page or not is_own(headers.get("Host") or "")


def _granted(authorization: str | None, form: Mapping[str, str]) -> Answer:
    """Return a token for the client of the header Authorization, or of the form."""
    if "grant_type" not in form:
        return _refused(
            400,
            "invalid_request",
            "Send a form, each field once: grant_type=client_credentials, client_id and client_secret.",
        )
    client, secret = _credentials(authorization) or (form.get("client_id", ""), form.get("client_secret", ""))
    # As bytes: compare_digest takes no text with characters beyond ASCII.
    if not re.fullmatch(CUSTOMER_ID_PATTERN, client) or not hmac.compare_digest(
        client_secret(client).encode(), secret.encode()
    ):
        return _refused(401, "invalid_client", "The client is unknown, or its secret is another one.")
    if form.get("grant_type") != "client_credentials":
        return _refused(400, "unsupported_grant_type", "The only grant type here is client_credentials.")
    scope = form.get("scope", SERVICE_SCOPE)
    if not scope.split() or not set(scope.split()) <= set(SERVICE_SCOPE.split()):
        return _refused(400, "invalid_scope", f"A service may have {SERVICE_SCOPE}.")
    signed = local_token(subject=client, scope=scope, ttl_seconds=TTL_SECONDS)
    return Answer(200, {"access_token": signed, "token_type": "Bearer", "expires_in": TTL_SECONDS, "scope": scope})


def _form(body: bytes) -> dict[str, str]:
    """Return the fields of a form; none of a body that is no form, or has a field twice (RFC 6749, section 3.2)."""
    try:
        fields = parse_qs(body.decode("latin-1"), max_num_fields=20)
    except ValueError:
        return {}
    return {} if any(len(values) > 1 for values in fields.values()) else {name: fields[name][0] for name in fields}


def _credentials(authorization: str | None) -> tuple[str, str] | None:
    """Return client and secret of the header Authorization (RFC 6749, section 2.3.1); None without such a header."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return unquote_plus(client), unquote_plus(secret)


def _refused(status: int, error: str, description: str) -> Answer:
    return Answer(status, {"error": error, "error_description": description})
