"""The OpenAPI 3.1 document: generated from the routes of app.py and the models, kept where the service reads it."""

import json
import os
from collections.abc import Mapping
from itertools import chain
from typing import Any

import click

from chalicelib.http import problem_document
from chalicelib.http.auth.key_set import ALGORITHMS
from ordersctl.contract.openapi import problem_types, schemas
from ordersctl.contract.openapi.components import components, ref
from ordersctl.contract.openapi.operations import OPERATIONS, PARAMETERS, Operation, Success
from ordersctl.contract.openapi.problems import (
    ANYONES,
    AUTHORIZED,
    HEADERS_OF_EVERY,
    HEADERS_OF_SOME,
    INSTANCE,
    PROBLEMS,
    examples_of,
)
from ordersctl.shared import project
from ordersctl.shared.output import wrote

DOCUMENT = project.PROJECT_DIR / "chalicelib" / "http" / "openapi.json"
Routes = Mapping[str, Mapping[str, Any]]  # path -> method -> Chalice's RouteEntry
INFO = {
    "title": "Orders",
    "version": project.version(),
    "description": f"Places, changes and shows orders.\n\n{schemas.money()}\n\n"
    f"Every refusal is {problem_document.CONTENT_TYPE} (RFC 9457). An operation on orders refuses a parameter that is "
    "not described here; the others ignore it, since monitors may add one. HEAD is answered as GET is, without the "
    "body.",
    "contact": {"name": "Orders"},  # a shop adds its own url and email: the reference page makes links of them
    "license": {"name": "MIT", "identifier": "MIT"},
}
TAGS = [
    {"name": "Orders", "description": "What customers and services do with orders."},
    {"name": "Service", "description": "About the service itself; without a token."},
]
BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": f"A JWT, signed with one of {', '.join(chain(*ALGORITHMS.values()))}. Its `scope` contains "
    "the one that the operation names. orders/service includes orders/read and orders/write, for any customer.",
}
_TEXT = {"type": "string"}
HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "The request's id, which the service logs.",
        "schema": _TEXT,
        "example": INSTANCE,
    },
    "Location": {
        "description": "Where the order can be read.",
        "schema": {"type": "string", "format": "uri-reference"},
        "example": f"/orders/{schemas.ACCEPTED['order_id']}",
    },
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}, "example": 1},
    "Idempotency-Replayed": {
        "description": "This order was stored before, under the same key.",
        "schema": {"const": "true"},
        "example": "true",
    },
    "ETag": {
        "description": "The order's version.",
        "schema": {"type": "string", "pattern": '^"[1-9][0-9]*"$'},
        "example": '"1"',
    },
    "Link": {
        "description": 'The next page, rel="next"; of the root this document, rel="service-desc" (RFC 8288).',
        "schema": _TEXT,
        "example": '</customers/17850/orders?cursor=AZx0Y3Vyc29y>; rel="next"',
    },
    "WWW-Authenticate": {
        "description": "That a bearer token is needed, and whether the one that was sent has expired (RFC 6750).",
        "schema": _TEXT,
        "example": 'Bearer error="invalid_token"',
    },
    "Accept": {
        "description": "The media types that the body may have (RFC 9110, section 15.5.16).",
        "schema": _TEXT,
        "example": "application/json",
    },
    "Accept-Encoding": {
        "description": "The content encodings that the body may have.",
        "schema": _TEXT,
        "example": "gzip, deflate",
    },
}
# A reference cannot say whether the response always has the header: each kind has a component of its own.
_ALWAYS = ".always"


def document(routes: Routes) -> dict[str, Any]:
    """The whole document; ValueError when a route has no description, or a description no route."""
    views = {entry.view_name for methods in routes.values() for entry in methods.values()}
    if wrong := views ^ OPERATIONS.keys():
        raise ValueError(f"a route without a description, or a description without a route: {', '.join(sorted(wrong))}")
    paths = {
        path: {method.lower(): _operation(entry.view_name) for method, entry in methods.items() if method != "HEAD"}
        for path, methods in routes.items()
    }
    return {
        "openapi": "3.1.0",
        "info": INFO,
        "tags": TAGS,
        "servers": [{"url": ".", "description": "Where this document is."}],
        "paths": paths,
        "components": {
            "schemas": components(),
            "parameters": PARAMETERS,
            "headers": _headers(paths),
            "securitySchemes": {"bearerAuth": BEARER},
        },
        "x-problem-types": problem_types.catalogue(),
    }


def _operation(name: str) -> dict[str, Any]:
    operation = OPERATIONS[name]
    tag = "Orders" if operation.scope else "Service"
    described: dict[str, Any] = {"operationId": name, "summary": operation.summary, "tags": [tag]}
    described["description"] = _description(operation)
    described["security"] = [{"bearerAuth": []}] if operation.scope else []
    if operation.parameters:
        described["parameters"] = [{"$ref": f"#/components/parameters/{each}"} for each in operation.parameters]
    if operation.body:
        described["requestBody"] = {"required": True, "content": operation.body}
    successes = {str(status): _success(success) for status, success in operation.successes.items()}
    refusals = {**ANYONES, **(AUTHORIZED if operation.scope else {}), **operation.problems}
    described["responses"] = successes | {
        str(status): _problem(status, slugs) for status, slugs in sorted(refusals.items())
    }
    return described


def _description(operation: Operation) -> str:
    # Not in `security`: linters and generators accept scopes of OAuth 2 flows only, and stages have their own issuers.
    scope = f"Scope: `{operation.scope}`." if operation.scope else ""
    return "\n\n".join(each for each in (operation.description, scope) if each)


def _success(success: Success) -> dict[str, Any]:
    headers = {name: _header(name, _ALWAYS) for name in ("X-Request-Id", *success.headers)}
    response: dict[str, Any] = {
        "description": success.description,
        "headers": headers | {name: _header(name) for name in success.some},
    }
    if success.schema:
        example = {"example": success.example} if success.example else {}
        response["content"] = {"application/json": {"schema": success.schema, **example}}
    if success.links:
        response["links"] = success.links
    return response


def _problem(status: int, slugs: tuple[str, ...]) -> dict[str, Any]:
    schema = {
        "allOf": [ref("Problem")],
        "properties": {
            "status": {"const": status},
            "type": {"enum": [problem_document.type_uri(slug) for slug in slugs]},
        },
    }
    examples = {
        name: {"summary": problem_document.title(name), "value": value}
        for slug in slugs
        for name, value in examples_of(slug, status).items()
    }
    headers = {name: _header(name) for name in ("X-Request-Id", *HEADERS_OF_SOME.get(status, ()))}
    headers |= {name: _header(name, _ALWAYS) for name in HEADERS_OF_EVERY.get(status, ())}
    return {
        "description": "\n\n".join(f"`{slug}`: {PROBLEMS[slug]}" for slug in slugs),
        "headers": headers,
        "content": {problem_document.CONTENT_TYPE: {"schema": schema, "examples": examples}},
    }


def _header(name: str, kind: str = "") -> dict[str, str]:
    return {"$ref": f"#/components/headers/{name}{kind}"}


def _headers(paths: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The headers to which the responses refer."""
    kinds = HEADERS | {f"{name}{_ALWAYS}": header | {"required": True} for name, header in HEADERS.items()}
    responses = [
        each for methods in paths.values() for operation in methods.values() for each in operation["responses"].values()
    ]
    used = {header["$ref"].rpartition("/")[2] for each in responses for header in each["headers"].values()}
    return {name: header for name, header in kinds.items() if name in used}


def rendered(routes: Routes) -> str:
    return json.dumps(document(routes), indent=1, ensure_ascii=False) + "\n"


def app_routes() -> Routes:
    """The routes of app.py, loaded as `chalice local` does."""
    before = dict(os.environ)
    try:
        routes: Routes = project.application().routes
    finally:  # the stage's variables were set for app.py, which reads them when it is imported
        os.environ.clear()
        os.environ.update(before)
    return routes


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; fail if the document is not what the code says.")
def openapi(*, check: bool) -> None:
    """Write the OpenAPI document that the service serves at /openapi.json, and the page of problem types."""
    for path, text in ((DOCUMENT, rendered(app_routes())), (problem_types.PAGE, problem_types.page())):
        if check and (not path.exists() or path.read_text() != text):
            raise click.ClickException(f"{path.name} is not what the code says: run `make openapi` and commit it.")
        if not check:
            path.write_text(text)
            wrote(path.relative_to(project.PROJECT_DIR))
