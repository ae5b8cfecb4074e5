"""The packaged API's definition, decided for a stage's settings, against what API Gateway's documentation says."""

from typing import Any

import botocore.session
import pytest

from ordersctl.deploy.overlay.api_version import definition
from ordersctl.deploy.overlay.gateway_responses import gateway_responses
from tests.tools.deploy.template_parts import Template, properties

POOL = "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_a"


def security(packaged: Template, **settings: str) -> set[str]:
    """The security requirements of each route of orders, all alike."""
    paths = definition(packaged, settings)["paths"]
    return {
        str(operation["security"])
        for path, operations in paths.items()
        if "orders" in path
        for method, operation in operations.items()
        if method != "options"
    }


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [{"authorizer": []}]),
        ({"ApiKeys": "true"}, [{"authorizer": []}, {"api_key": []}]),
        (
            {"ApiKeys": "true", "CognitoUserPoolArn": POOL},
            [{"cognito": ["orders/read", "orders/write", "orders/service", "orders/admin"]}, {"api_key": []}],
        ),
    ],
)
def test_an_api_key_is_a_security_requirement_of_its_own(
    settings: dict[str, str], expected: list[Any], packaged: Template
) -> None:
    """API Gateway guide, "Configure a method to use API keys": "create a security requirement object to require an API
    key"."""
    assert security(packaged, **settings) == {str(expected)}


def test_api_gateway_may_assume_the_role_that_sends_orders(template: Template) -> None:
    """API Gateway sends no aws:SourceAccount when it assumes an integration's role: a condition on it never holds."""
    (statement,) = properties(template, "DirectAcceptRole")["AssumeRolePolicyDocument"]["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Service": "apigateway.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }


def test_the_apis_address_takes_a_path_that_begins_with_a_slash(template: Template) -> None:
    url = "https://${RestAPI}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${Stage}"
    assert template["Outputs"]["EndpointURL"] == {"Value": {"Fn::Sub": url}}


def test_every_type_of_response_of_api_gateway_has_a_status_and_a_problem_of_its_own() -> None:
    """Without one a type would have the status of DEFAULT_4XX: API Gateway guide, "Gateway response types"."""
    shape: Any = botocore.session.get_session().get_service_model("apigateway").shape_for("GatewayResponseType")
    responses = gateway_responses({})
    assert responses.keys() == set(shape.enum)
    assert {name: responses[name]["statusCode"] for name in ("WAF_FILTERED", "INVALID_SIGNATURE")} == {
        "WAF_FILTERED": "403",
        "INVALID_SIGNATURE": "403",
    }
