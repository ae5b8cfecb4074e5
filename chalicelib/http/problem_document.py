"""The problem document (RFC 9457): the one place that writes it, for the service and for the gateways in front of it.

It needs no Chalice: the tools that run and deploy the service use it too.
"""

from collections.abc import Sequence
from typing import Any

from chalicelib.domain.errors import Violation

CONTENT_TYPE = "application/problem+json"
# The gateway's 401. It does not say why: API Gateway answers a token that the authorizer refuses as it answers none at
# all, and knows no reason (API Gateway guide, "Gateway response types": UNAUTHORIZED).
NO_VALID_TOKEN = (
    "No valid token. Send Authorization: Bearer TOKEN, signed by this API's issuer, for this API, and not expired"  # noqa: S105 - a text
)


def type_uri(slug: str) -> str:
    return f"urn:problem:orders:{slug}"


def title(slug: str) -> str:
    return slug.replace("-", " ").capitalize()


def document(
    slug: str, status: int, detail: str, instance: str, *, violations: Sequence[Violation] = (), **extra: Any
) -> dict[str, Any]:
    """The document as JSON values. `instance` is the request's id; `extra` are members of this problem type alone."""
    errors = [{"pointer": each.pointer, "detail": each.detail} for each in violations]
    return {
        "type": type_uri(slug),
        "title": title(slug),
        "status": status,
        "detail": detail,
        "instance": instance,
        **extra,
        **({"errors": errors} if errors else {}),
    }
