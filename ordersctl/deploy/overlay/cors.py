"""CORS in the responses that API Gateway makes by itself.

One origin is a constant in them. Of several origins, each response names the one that asks, if it is allowed: a
template chooses it. Only gateway responses have no such template. They repeat whichever origin asks: what they say is
the same for everyone, and a page cannot send a token that it does not have.
"""

import json
import re
from collections import ChainMap
from pathlib import Path
from typing import Any

import click

from chalicelib.http.cors import Origins, config

CORS = "CORS_ALLOW_ORIGIN"
PATHS = ("/orders", "/orders/{order_id}", "/customers/{customer_id}/orders", "/openapi.json", "/health", "/")
_ALLOW = "Access-Control-Allow-Origin"
_OF_EVERY_ANSWER = (_ALLOW, "Access-Control-Expose-Headers", "Vary")
_ORIGIN = r"https?://[^\s/'\"$,]+"


def allowed_origins(project: Path, stage: str) -> str:
    """Return the origins whose pages may call a stage's API, separated by spaces; "" for none.

    ClickException if they are not origins.
    """
    config = json.loads((project / ".chalice" / "config.json").read_text())
    levels = (config["stages"].get(stage, {}), config)
    origins = str(ChainMap(*(level.get("environment_variables", {}) for level in levels)).get(CORS, ""))
    if not re.fullmatch(rf"|\*|{_ORIGIN}( {_ORIGIN})*", origins):
        wanted = "an origin, as in https://shop.example.com, several separated by spaces, or *"
        raise click.ClickException(f"{CORS}: {origins!r}: {wanted}")
    return origins


def constants(origins: str) -> dict[str, str]:
    """Return the headers that let a page of the first origin read an answer, quoted as API Gateway writes constants."""
    allowed = config(origins)
    if not isinstance(allowed, Origins):
        return {}
    headers = allowed.headers_for(None)
    return {name: f"'{headers[name]}'" for name in _OF_EVERY_ANSWER if name in headers}


def of_refusals(origins: str) -> dict[str, str]:
    """Return the same headers for gateway responses."""
    asking = {_ALLOW: "method.request.header.Origin"} if _are_several(origins) else {}
    return constants(origins) | asking


def choice(origins: str) -> str:
    """Return the template that names the asking origin in the answer, if it is allowed; "" where a constant does."""
    if not _are_several(origins):
        return ""
    is_allowed = " || ".join(f'$origin=="{each}"' for each in origins.split())
    return (
        '#set($origin=$input.params("Origin"))'
        '#if($origin=="")#set($origin=$input.params("origin"))#end'  # HTTP/2 has names in lower case
        f"#if({is_allowed})#set($context.responseOverride.header.{_ALLOW}=$origin)#end"
    )


def preflights(origins: str) -> dict[str, Any]:
    """Return what is merged over the preflight operations of Chalice's document, which name the first origin."""
    if not _are_several(origins):
        return {}
    answer = {
        "responseParameters": {"method.response.header.Vary": "'Origin'"},
        "responseTemplates": {"application/json": choice(origins)},
    }
    options = {
        "responses": {"200": {"headers": {"Vary": {"type": "string"}}}},
        "x-amazon-apigateway-integration": {"responses": {"default": answer}},
    }
    return {"paths": {path: {"options": options} for path in PATHS}}


def _are_several(origins: str) -> bool:
    return " " in origins
