"""The template that is merged over the SAM template that Chalice makes."""

from chalicelib.domain import commands
from ordersctl.deploy.overlay import cors, direct_accept
from ordersctl.deploy.overlay.gateway_responses import gateway_responses
from ordersctl.shared import templates
from ordersctl.shared.functions import COMMAND_REVISION


def overlay(origins: str) -> templates.Template:
    """Return the template to merge over Chalice's; `origins` is as cors.allowed_origins returns it."""
    refusals = {"x-amazon-apigateway-gateway-responses": gateway_responses(cors.of_refusals(origins))}
    direct = direct_accept.definition(cors.constants(origins), cors.choice(origins))
    definitions = (
        {"Resources": {"RestAPI": {"Properties": {"DefinitionBody": each}}}}
        for each in (refusals, direct, cors.preflights(origins))
    )
    # `ordersctl rollback` compares it between releases: direct acceptance writes the revision of the one deployed last.
    variables = {COMMAND_REVISION: str(commands.REVISION)}
    processor = {"Resources": {"ProcessOrders": {"Properties": {"Environment": {"Variables": variables}}}}}
    return templates.merged(templates.resources(), templates.load(templates.PACKAGE), processor, *definitions)
