"""A token of the local run for its own reference page, and for no other page that a browser shows."""

from collections.abc import Mapping
from urllib.parse import parse_qs

from ordersctl.local.tokens import ADMIN_SCOPE, CUSTOMER_SCOPE, SERVICE_SCOPE, local_token
from ordersctl.shared.runs.own_host import is_own

Headers = Mapping[str, str]
_ROLES = {
    "customer": ("17850", CUSTOMER_SCOPE),
    "service": ("reference", SERVICE_SCOPE),
    "admin": ("reference", ADMIN_SCOPE),
}
_TTL_SECONDS = 60 * 60


def answer(query: str, headers: Headers) -> tuple[str, bytes] | None:
    """Return a token of the role that the query names, for an hour; None unless the reference page asks for it."""
    role = _ROLES.get(parse_qs(query).get("role", [""])[-1])
    if role is None or not is_own(headers.get("Host") or "") or headers.get("Sec-Fetch-Site") != "same-origin":
        return None
    subject, scope = role
    return "text/plain; charset=utf-8", local_token(subject=subject, scope=scope, ttl_seconds=_TTL_SECONDS).encode()
