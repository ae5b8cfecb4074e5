"""A stage with an HTTP API: the same routes, the API's own authorizer, and settings that it cannot have."""

import json

import click
import pytest

from ordersctl.deploy.overlay.http_api import with_http_api
from ordersctl.deploy.release.publish import publish
from ordersctl.deploy.sam import translated
from ordersctl.deploy.settings import check_together, checked_parameters
from ordersctl.shared.templates import OF_REST
from tests.tools.deploy.gateway.test_api_version import POOL, STAGE
from tests.tools.deploy.template_parts import Template, of_type, properties

ORIGINS = "https://shop.example.com https://admin.example.com"


@pytest.fixture(scope="module")
def http(packaged: Template) -> Template:
    template = with_http_api(packaged, "")
    publish(template, STAGE | {"Api": "HTTP"}, b"code")
    return template


def test_it_has_the_routes_of_the_rest_api_and_asks_for_a_token_where_that_does(
    packaged: Template, http: Template
) -> None:
    routes = {
        each["RouteKey"]: each["AuthorizationType"] for each in of_type(http, "AWS::ApiGatewayV2::Route").values()
    }
    paths = properties(packaged, "RestAPI")["DefinitionBody"]["paths"]
    assert routes == {
        f"{method.upper()} {path}": "JWT" if operation.get("security") else "NONE"
        for path, operations in paths.items()
        for method, operation in operations.items()
        if method != "options"
    }
    assert {key for key, kind in routes.items() if kind == "NONE"} == {
        f"{method} {path}" for method in ("GET", "HEAD") for path in ("/health", "/openapi.json", "/")
    }


def test_nothing_of_the_rest_api_or_the_authorizer_function_is_left(http: Template) -> None:
    plain = translated(http)
    assert plain["Resources"].keys().isdisjoint(OF_REST)
    text = json.dumps(plain)
    assert "RestAPI}" not in text
    assert "Authorizer.Arn" not in text
    assert "functions/${APIHandlerAliaslive}/invocations" in text


def test_alarms_and_dashboard_have_the_metrics_of_an_http_api(http: Template) -> None:
    alarms = [
        each for each in of_type(http, "AWS::CloudWatch::Alarm").values() if each["Namespace"] == "AWS/ApiGateway"
    ]
    assert {each["MetricName"] for each in alarms} == {"5xx", "Latency"}
    assert {each["Dimensions"][0]["Name"] for each in alarms} == {"ApiId"}
    body = properties(http, "Dashboard")["DashboardBody"]["Fn::Sub"][0]
    assert '"AWS/ApiGateway", "Count", "ApiId", "${HttpApi}"' in body
    assert "5XXError" not in body


def test_pages_of_the_allowed_origins_may_call_it(packaged: Template) -> None:
    cors = properties(with_http_api(packaged, ORIGINS), "HttpApi")["CorsConfiguration"]
    assert cors["AllowOrigins"] == ORIGINS.split()
    assert {"Authorization", "Idempotency-Key", "If-Match"} <= set(cors["AllowHeaders"])
    assert "ETag" in cors["ExposeHeaders"]


def reason(packaged: Template, http: Template, given: dict[str, str]) -> str | None:
    """Why `ordersctl deploy` refuses these settings; None when it takes them."""
    try:
        checked_parameters(http if given["Api"] == "HTTP" else packaged, given)
        check_together(given, region="eu-west-1", timeout_seconds=15)
    except click.ClickException as refused:
        return refused.message
    return None


@pytest.mark.parametrize(
    ("setting", "value"),
    [("ApiKeys", "true"), ("CognitoUserPoolArn", POOL), ("AudienceClaim", "azp"), ("DirectAccept", "true")],
)
def test_what_an_http_api_cannot_do_is_refused(setting: str, value: str, packaged: Template, http: Template) -> None:
    found = reason(packaged, http, STAGE | {"Api": "HTTP", setting: value})
    assert found is not None
    assert setting in found
