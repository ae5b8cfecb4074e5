"""API Gateway's own responses, in the same form as the service's problem documents (RFC 9457)."""

import json
from collections.abc import Mapping
from typing import Any

from chalicelib.http import problem_document

_RETRY = {"Retry-After": "'1'"}
_TOKEN = {"WWW-Authenticate": "'Bearer'"}
# RFC 6750, section 3.1: only where a token was sent, which UNAUTHORIZED does not reveal.
_EXPIRED = {"WWW-Authenticate": "'Bearer error=\"invalid_token\"'"}
# Seconds after which an authorizer that could not read the issuer's keys tries again.
_KEYS = {"Retry-After": "'5'"}

# API Gateway guide, "Gateway response types": type -> status, slug, detail, headers.
_ANSWERS: dict[str, tuple[int, str, str, dict[str, str]]] = {
    "ACCESS_DENIED": (403, "forbidden", "The token does not allow this", {}),
    "API_CONFIGURATION_ERROR": (500, "internal-server-error", "The request was not handled", {}),
    "AUTHORIZER_CONFIGURATION_ERROR": (503, "unavailable", "Nothing was changed", _KEYS),
    "AUTHORIZER_FAILURE": (503, "unavailable", "Nothing was changed", _KEYS),
    "BAD_REQUEST_BODY": (400, "bad-request", "The body is not what this route takes", {}),
    "BAD_REQUEST_PARAMETERS": (400, "bad-request", "A header or parameter is missing or cannot be read", {}),
    "DEFAULT_4XX": (400, "bad-request", "The request cannot be taken", {}),
    "DEFAULT_5XX": (500, "internal-server-error", "The request may have taken effect", {}),
    "EXPIRED_TOKEN": (401, "unauthorized", "The token has expired: get a new one", _EXPIRED),
    "INTEGRATION_FAILURE": (503, "unavailable", "The request may have taken effect", _RETRY),
    "INTEGRATION_TIMEOUT": (503, "unavailable", "The request may have taken effect", _RETRY),
    "INVALID_API_KEY": (403, "forbidden", "Send a valid API key", {}),
    "INVALID_SIGNATURE": (403, "forbidden", "Send a bearer token, and no signature of AWS", {}),
    # API Gateway's name for a request to a path without a route.
    "MISSING_AUTHENTICATION_TOKEN": (404, "not-found", "No such path; /openapi.json lists the paths", {}),
    "QUOTA_EXCEEDED": (429, "too-many-requests", "The day's quota is used up", {"Retry-After": "'3600'"}),
    "REQUEST_TOO_LARGE": (413, "content-too-large", "The body is too large", {}),
    "RESOURCE_NOT_FOUND": (404, "not-found", "No such path; /openapi.json lists the paths", {}),
    "THROTTLED": (429, "too-many-requests", "Slow down", _RETRY),
    "UNAUTHORIZED": (401, "unauthorized", problem_document.NO_VALID_TOKEN, _TOKEN),
    # Also for a body that API Gateway cannot decompress ("Call an API method with a compressed payload").
    "UNSUPPORTED_MEDIA_TYPE": (
        415,
        "unsupported-media-type",
        "Send the header Content-Type: application/json; a body as it is, or compressed by gzip or deflate",
        {"Accept": "'application/json'", "Accept-Encoding": "'gzip, deflate'"},
    ),
    "WAF_FILTERED": (403, "forbidden", "The request was blocked", {}),
}


def gateway_responses(headers_of_all: Mapping[str, str]) -> dict[str, Any]:
    """Return the `x-amazon-apigateway-gateway-responses` of an API."""
    return {
        name: {
            "statusCode": str(status),
            "responseParameters": {
                f"gatewayresponse.header.{header}": value
                for header, value in {
                    "Content-Type": f"'{problem_document.CONTENT_TYPE}'",
                    "Cache-Control": "'no-store'",
                    "X-Content-Type-Options": "'nosniff'",
                    **headers,
                    **headers_of_all,
                }.items()
            },
            "responseTemplates": {
                "application/json": json.dumps(problem_document.document(slug, status, detail, "$context.requestId"))
            },
        }
        for name, (status, slug, detail, headers) in _ANSWERS.items()
    }
