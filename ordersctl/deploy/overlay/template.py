"""The template that is merged over the SAM template that Chalice makes."""

import json
import re
from collections import ChainMap
from pathlib import Path

import click
from chalice.app import CORSConfig

from chalicelib.http import responses
from ordersctl.deploy.overlay import direct_accept
from ordersctl.deploy.overlay.gateway_responses import gateway_responses
from ordersctl.shared import templates

CORS = "CORS_ALLOW_ORIGIN"


def allowed_origin(project: Path, stage: str) -> str:
    """Return the origin whose pages may call a stage's API, "" for none. ClickException if the setting is no origin."""
    config = json.loads((project / ".chalice" / "config.json").read_text())
    levels = (config["stages"].get(stage, {}), config)
    origin = str(ChainMap(*(level.get("environment_variables", {}) for level in levels)).get(CORS, ""))
    if not re.fullmatch(r"|\*|https?://[^\s/'\"$]+", origin):
        raise click.ClickException(f"{CORS}: {origin!r}: an origin, as in https://shop.example.com, or *")
    return origin


def overlay(origin: str) -> templates.Template:
    """Return the template to merge over Chalice's; `origin` is as allowed_origin returns it."""
    headers = _cors_headers(origin)
    definition = {
        "x-amazon-apigateway-gateway-responses": gateway_responses(headers),
        **direct_accept.definition(headers),
    }
    api = {"Resources": {"RestAPI": {"Properties": {"DefinitionBody": definition}}}}
    return templates.merged(templates.resources(), templates.load(templates.PACKAGE), api)


def _cors_headers(origin: str) -> dict[str, str]:
    """Return the headers that let an origin's pages read an answer, quoted as API Gateway writes constants."""
    cors = responses.cors(origin)
    if not isinstance(cors, CORSConfig):
        return {}
    headers: dict[str, str] = cors.get_access_control_headers()
    of_every_answer = ("Access-Control-Allow-Origin", "Access-Control-Expose-Headers")
    return {name: f"'{headers[name]}'" for name in of_every_answer}
