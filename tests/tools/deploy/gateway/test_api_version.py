"""A changed setting goes live: the API's deployment has another id exactly when the API behaves otherwise."""

import copy

import pytest

from ordersctl.deploy.overlay.api_version import set_version
from ordersctl.deploy.sam import translated
from ordersctl.shared import templates
from tests.tools.deploy.template_parts import Template, of_type

KEY = "arn:aws:kms:eu-west-1:123456789012:key/1"
POOL = "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_a"
# Another valid value of each setting; a number or a choice has one in its own definition.
OTHERS = {
    "Stage": "test",
    "Encryption": KEY,
    "ReplicaRegion": "eu-west-2",
    "ReplicaKeyArn": KEY,
    "AlarmEmail": "a@b.example",
    "JwtIssuer": "https://other.example",
    "JwtAudience": "others",
    "JwtJwks": "https://other.example/keys.json",
    "EventBusName": "orders",
    "DaxEndpoint": "daxs://orders.x1y2z3.dax-clusters.eu-west-1.amazonaws.com",
    "CustomerClaim": "customer",
    "ScopeClaim": "scp",
    "AudienceClaim": "client_id",
    "SpreadCustomers": "guest=16:people",
    "CognitoUserPoolArn": POOL,
}
# API Gateway applies throttling, tracing and access logs to a stage without a deployment: they are the stage's own.
IN_THE_DEFINITION = {"CognitoUserPoolArn", "ApiKeys", "DirectAccept"}
STAGE = {"Stage": "prod", "JwtIssuer": "https://i.example", "JwtAudience": "a", "JwtJwks": "https://i.example/keys"}


def another(name: str, definition: Template) -> str:
    if name in OTHERS:
        return OTHERS[name]
    allowed = [str(each) for each in definition.get("AllowedValues", [])]
    if allowed:
        return next(each for each in allowed if each != str(definition["Default"]))
    return str(int(definition["Default"]) + 1)


@pytest.fixture(scope="module")
def api(packaged: Template) -> Template:
    """The packaged template with no resource but the API: the others do not take part in its deployment's id."""
    return {**packaged, "Resources": {"RestAPI": packaged["Resources"]["RestAPI"]}, "Outputs": {}}


def deployment(api: Template, **changed: str) -> str:
    """The logical id of the API's deployment under stage prod's settings and these."""
    template = copy.deepcopy(api)
    set_version(template, STAGE | changed)
    (found,) = of_type(translated(template), "AWS::ApiGateway::Deployment")
    return found


@pytest.fixture(scope="module")
def before(api: Template) -> str:
    return deployment(api)


@pytest.mark.parametrize("setting", templates.every_parameter())
def test_a_setting_changes_the_deployment_exactly_when_it_changes_what_the_api_does(
    setting: str, api: Template, before: str
) -> None:
    after = deployment(api, **{setting: another(setting, templates.every_parameter()[setting])})
    assert (after != before) == (setting in IN_THE_DEFINITION)


def test_what_api_gateway_reads_itself_is_in_the_apis_definition(api: Template) -> None:
    direct = {"DirectAccept": "true"}
    assert deployment(api, **direct) != deployment(api, **direct, CustomerClaim="customer")
    assert deployment(api, **direct) != deployment(api, **direct, SpreadCustomers="guest=16:people")
    assert deployment(api, **direct) == deployment(api, **direct, ScopeClaim="scp")  # the built-in authorizer's matter
    cognito = {"DirectAccept": "true", "CognitoUserPoolArn": POOL}
    assert deployment(api, **cognito) != deployment(api, **cognito, ScopeClaim="scp")


def test_the_same_settings_are_the_same_deployment_however_often_they_are_deployed(api: Template, before: str) -> None:
    again = copy.deepcopy(api)
    set_version(again, STAGE | {"DirectAccept": "true"})
    assert deployment(again) == before


def test_a_changed_definition_changes_the_deployment(api: Template, before: str) -> None:
    changed = copy.deepcopy(api)
    changed["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"]["/health"]["get"]["summary"] = "Health"
    assert deployment(changed) != before
