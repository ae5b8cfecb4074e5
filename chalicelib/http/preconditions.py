"""If-Match and If-None-Match (RFC 9110, section 13): which versions of an order the client has seen.

A change without If-Match is answered 428 here. A change of a version that the client has not seen raises
VersionConflict in chalicelib/application/manage.py, which chalicelib/http/problems.py answers 412.
"""

import re

from chalice.app import Request

from chalicelib.http.problems import Problem, invalid_parameter

_ETAGS = re.compile(r'\s*(W/)?"[\x21\x23-\x7e]*"(\s*,\s*(W/)?"[\x21\x23-\x7e]*")*\s*')  # RFC 9110, section 8.8.3
_OUR_ETAG = re.compile(r'(?:W/)?"([1-9][0-9]{0,17})"')


def if_match(request: Request) -> frozenset[int] | None:
    """The versions of which the client permits a change; None is any (RFC 9110, section 13.1.1)."""
    value = request.headers.get("if-match")
    if value is None:
        raise Problem("precondition-required", 428, "Send the ETag that you saw as If-Match, or * for any")
    if value.strip() != "*" and not _ETAGS.fullmatch(value):
        raise invalid_parameter('If-Match is the ETag in its quotes, as in If-Match: "1"; or * for any version')
    return _versions(value)


def if_none_match(request: Request) -> frozenset[int] | None:
    """The versions that the client has already; None is any (RFC 9110, section 13.1.2)."""
    return _versions(request.headers.get("if-none-match") or "")


def _versions(value: str) -> frozenset[int] | None:
    if value.strip() == "*":
        return None
    # An ETag that this service did not make matches no version. A weak one counts, in If-Match too: proxies weaken the
    # ETags of responses that they compress, and the number of a version names one content only.
    return frozenset(int(tag[1]) for tag in _OUR_ETAG.finditer(value))
