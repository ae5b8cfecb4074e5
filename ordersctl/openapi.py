"""The OpenAPI 3.1 document: made from the routes of app.py and the models, kept where the service reads it."""

import json
from pathlib import Path
from typing import Any

import click

from chalicelib.http.problems import TITLES
from ordersctl import local, openapi_schemas
from ordersctl.openapi_operations import (
    ANYONES,
    AUTHORIZED,
    OPERATIONS,
    PARAMETERS,
    RETRY_AFTER,
    Operation,
    Success,
)

DOCUMENT = local.PROJECT_DIR / "chalicelib" / "http" / "openapi.json"
PROBLEM = "application/problem+json"
INFO = {
    "title": "Orders",
    "version": "1",
    "description": f"Places, changes and shows orders.\n\n{openapi_schemas.money()}\n\n"
    "Every refusal is application/problem+json (RFC 9457). A parameter that is not described here is refused.",
    "license": {"name": "MIT", "identifier": "MIT"},
}
_TEXT = {"type": "string"}
HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {"description": "Names the request in our logs.", "schema": _TEXT},
    "Location": {"description": "Where the order can be read.", "schema": {"type": "string", "format": "uri-reference"}},
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}},
    "Idempotency-Replayed": {
        "description": "This order was stored before, under the same key.",
        "schema": {"const": "true"},
    },
    "ETag": {"description": "The order's version.", "schema": {"type": "string", "pattern": '^"[1-9][0-9]*"$'}},
    "Link": {"description": 'Where the next page is, rel="next" (RFC 8288).', "schema": _TEXT},
}


def document() -> dict[str, Any]:
    """The whole document; KeyError when a route has no operation, ValueError when an operation has no route."""
    routes = [(path, method, entry.view_name) for path, methods in _routes().items() for method, entry in methods.items()]
    if unrouted := OPERATIONS.keys() - {name for _, _, name in routes}:
        raise ValueError(f"operations without a route: {', '.join(sorted(unrouted))}")
    paths: dict[str, dict[str, Any]] = {}
    for path, method, name in routes:
        paths.setdefault(path, {})[method.lower()] = _operation(name, OPERATIONS[name])
    return {
        "openapi": "3.1.0",
        "info": INFO,
        "servers": [{"url": ".", "description": "Where this document is."}],
        "paths": paths,
        "components": {
            "schemas": openapi_schemas.schemas(),
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "securitySchemes": {
                "bearerAuth": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "A JWT (RS256 or ES256) whose `scope` holds what an operation asks for. With "
                    "orders/service, that is any customer's order.",
                }
            },
        },
    }


def _routes() -> dict[str, dict[str, Any]]:
    import os  # noqa: PLC0415  beside its only use

    # app.py reads the names of its queue and stream when it is imported.
    config = json.loads((local.PROJECT_DIR / ".chalice" / "config.json").read_text())
    os.environ.update(config["stages"]["local"]["environment_variables"])
    from app import app  # noqa: PLC0415  after its environment

    routes: dict[str, dict[str, Any]] = app.routes
    return routes
