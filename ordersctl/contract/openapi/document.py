"""The OpenAPI 3.1 document: generated from the routes of app.py and the models, kept where the service reads it."""

import json
import os
from collections.abc import Mapping
from typing import Any

import click

from chalicelib.http import problem_document
from ordersctl.contract.openapi import schemas
from ordersctl.contract.openapi.operations import OPERATIONS, PARAMETERS, Success
from ordersctl.contract.openapi.problems import ANYONES, AUTHORIZED, PROBLEMS, RETRY_AFTER
from ordersctl.shared import project

DOCUMENT = project.PROJECT_DIR / "chalicelib" / "http" / "openapi.json"
Routes = Mapping[str, Mapping[str, Any]]  # path -> method -> Chalice's RouteEntry
INFO = {
    "title": "Orders",
    "version": "1",
    "description": f"Places, changes and shows orders.\n\n{schemas.money()}\n\n"
    f"Every refusal is {problem_document.CONTENT_TYPE} (RFC 9457). A parameter that is not described here is refused. "
    "HEAD is answered as GET is, without the body.",
    "license": {"name": "MIT", "identifier": "MIT"},
}
BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "A JWT (RS256 or ES256) whose `scope` holds the one that the operation names. orders/service "
    "includes orders/read and orders/write, for any customer.",
}
_TEXT = {"type": "string"}
HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {"description": "The request's id, which the service logs.", "schema": _TEXT},
    "Location": {
        "description": "Where the order can be read.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}},
    "Idempotency-Replayed": {
        "description": "This order was stored before, under the same key.",
        "schema": {"const": "true"},
    },
    "ETag": {"description": "The order's version.", "schema": {"type": "string", "pattern": '^"[1-9][0-9]*"$'}},
    "Link": {
        "description": 'Where to go on: rel="next" of a list, rel="service-desc" of the root (RFC 8288).',
        "schema": _TEXT,
    },
}


def document(routes: Routes) -> dict[str, Any]:
    """The whole document; ValueError when a route has no description, or a description no route."""
    views = {entry.view_name for methods in routes.values() for entry in methods.values()}
    if wrong := views ^ OPERATIONS.keys():
        raise ValueError(f"a route without a description, or a description without a route: {', '.join(sorted(wrong))}")
    return {
        "openapi": "3.1.0",
        "info": INFO,
        "servers": [{"url": ".", "description": "Where this document is."}],
        "paths": {
            path: {method.lower(): _operation(entry.view_name) for method, entry in methods.items() if method != "HEAD"}
            for path, methods in routes.items()
        },
        "components": {
            "schemas": schemas.schemas(),
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "securitySchemes": {"bearerAuth": BEARER},
        },
    }


def _operation(name: str) -> dict[str, Any]:
    operation = OPERATIONS[name]
    tag = "Orders" if operation.scope else "Service"
    described: dict[str, Any] = {"operationId": name, "summary": operation.summary, "tags": [tag]}
    if operation.description:
        described["description"] = operation.description
    described["security"] = [{"bearerAuth": [operation.scope]}] if operation.scope else []
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


def _success(success: Success) -> dict[str, Any]:
    headers = {name: _header(name) | {"required": True} for name in ("X-Request-Id", *success.headers)}
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
    instance = "5c6a4a52-6ef3-4a0b-a3b5-4c8e0d9f7a11"
    example = problem_document.document(slugs[0], status, PROBLEMS[slugs[0]], instance)
    schema = {
        "allOf": [{"$ref": "#/components/schemas/Problem"}],
        "properties": {
            "status": {"const": status},
            "type": {"enum": [problem_document.type_uri(slug) for slug in slugs]},
        },
    }
    headers = ("X-Request-Id", "Retry-After") if status in RETRY_AFTER else ("X-Request-Id",)
    return {
        "description": "\n\n".join(f"`{slug}`: {PROBLEMS[slug]}" for slug in slugs),
        "headers": {name: _header(name) for name in headers},
        "content": {problem_document.CONTENT_TYPE: {"schema": schema, "example": example}},
    }


def _header(name: str) -> dict[str, Any]:
    return dict(HEADERS[name])


def rendered(routes: Routes) -> str:
    return json.dumps(document(routes), indent=1, ensure_ascii=False) + "\n"


def app_routes() -> Routes:
    """The routes of app.py, loaded as `chalice local` does."""
    from chalice.cli.factory import CLIFactory  # noqa: PLC0415  slow to import, and for this command only

    config = CLIFactory(str(project.PROJECT_DIR), environ=os.environ).create_config_obj("local")
    routes: Routes = config.chalice_app.routes
    return routes


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; fail if the document is not what the code says.")
def openapi(*, check: bool) -> None:
    """Write the OpenAPI document that the service serves at /openapi.json."""
    text = rendered(app_routes())
    if check and (not DOCUMENT.exists() or DOCUMENT.read_text() != text):
        raise click.ClickException(f"{DOCUMENT.name} is not what the code says: run `make openapi` and commit it.")
    if not check:
        DOCUMENT.write_text(text)
