"""A release: the versions that functions publish, the aliases in front of them, and what shifts the traffic."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import click
import pytest

from ordersctl.deploy.release.publish import failures_of, publish
from ordersctl.deploy.sam import translated
from ordersctl.shared import templates
from tests.tools.deploy.gateway.test_api_version import KEY, STAGE, another
from tests.tools.deploy.template_parts import Template, of_type, properties

FUNCTIONS = ("APIHandler", "Authorizer", "ProcessOrders", "PublishEvents")
# What the functions are, or what the names in their environment stand for.
OF_THE_FUNCTIONS = {
    *{"Stage", "JwtIssuer", "JwtAudience", "JwtJwks", "CustomerClaim", "ScopeClaim", "AudienceClaim"},
    *{
        "EventBusName",
        "DaxEndpoint",
        "AwsClient",
        "Tracing",
        "SystemLogLevel",
        "Encryption",
        "Fifo",
        "SnapStart",
        "SpreadCustomers",
        "CustomerPrices",
    },
}
SHIFTS = ("Canary10Percent5Minutes", "Linear10PercentEvery1Minute")


def published(packaged: Template, *, code: bytes = b"code", **changed: str) -> Template:
    """The packaged template with stage prod's settings and these."""
    template = copy.deepcopy(packaged)
    publish(template, STAGE | changed, code)
    return template


def for_python_312(packaged: Template) -> Template:
    template = copy.deepcopy(packaged)
    for function in of_type(template, "AWS::Serverless::Function").values():
        function["Runtime"] = "python3.12"
    return template


def release(template: Template) -> str:
    return properties(template, "APIHandler")["AutoPublishCodeSha256"]  # type: ignore[no-any-return]  # plain JSON


@pytest.mark.parametrize("setting", templates.every_parameter())
def test_a_setting_makes_another_release_exactly_when_it_changes_the_functions(
    setting: str, packaged: Template
) -> None:
    template = for_python_312(packaged)
    publish(template, {**STAGE, setting: another(setting, templates.every_parameter()[setting])}, b"code")
    assert (release(template) != release(published(for_python_312(packaged)))) == (setting in OF_THE_FUNCTIONS)


def test_other_code_and_other_memory_are_other_releases_and_the_same_again_is_none(packaged: Template) -> None:
    more = copy.deepcopy(packaged)
    properties(more, "Authorizer")["MemorySize"] = 1024
    ids = [release(published(packaged)), release(published(packaged, code=b"other")), release(published(more))]
    assert len(set(ids)) == 3
    assert release(published(published(packaged, Encryption=KEY))) == ids[0]


def test_every_function_names_its_release_so_that_all_publish_together(packaged: Template) -> None:
    template = published(packaged)
    variables = [properties(template, each)["Environment"]["Variables"]["RELEASE"] for each in FUNCTIONS]
    assert variables == [release(template)] * 4
    versions = of_type(translated(template), "AWS::Lambda::Version")
    assert set(versions) == {f"{each}Version{release(template)[:10]}" for each in FUNCTIONS}


def test_whoever_calls_a_function_calls_its_alias(template: Template) -> None:
    callers = [
        *of_type(template, "AWS::Lambda::EventSourceMapping").values(),
        *of_type(template, "AWS::Lambda::Permission").values(),
    ]
    assert {each["FunctionName"]["Ref"].removesuffix("Aliaslive") for each in callers} == set(FUNCTIONS)
    called = set(texts(properties(template, "RestAPI")["Body"], "/invocations"))
    assert {each.rpartition("functions/")[2] for each in called} == {
        "${APIHandlerAliaslive}/invocations",
        "${AuthorizerAliaslive}/invocations",
    }


def texts(value: Any, end: str) -> list[str]:
    match value:
        case str() if value.endswith(end):
            return [value]
        case dict() | list():
            return [
                found for each in (value.values() if isinstance(value, dict) else value) for found in texts(each, end)
            ]
    return []


@pytest.mark.parametrize("kind", SHIFTS)
def test_a_shift_is_codedeploys_and_ends_by_alarms_that_see_the_new_version_alone(
    kind: str, packaged: Template
) -> None:
    template = published(packaged, Release=kind)
    plain = translated(template)
    policies = {name: each for name, each in plain["Resources"].items() if "UpdatePolicy" in each}
    assert set(policies) == {"APIHandlerAliaslive"}  # the consumers go over at once, before it
    (group,) = of_type(plain, "AWS::CodeDeploy::DeploymentGroup").values()
    assert kind in json.dumps(group["DeploymentConfigName"])
    names = [each["Name"]["Ref"] for each in group["AlarmConfiguration"]["Alarms"]]
    assert names == ["ReleaseErrorAlarm", "ReleaseFailureAlarm"]
    alarms = [properties(plain, name) for name in names]
    assert [(each["Period"], each["EvaluationPeriods"]) for each in alarms] == [(60, 1)] * 2
    version = {
        "Name": "ExecutedVersion",
        "Value": {"Fn::GetAtt": [f"APIHandlerVersion{release(template)[:10]}", "Version"]},
    }
    assert version in alarms[0]["Dimensions"]
    assert alarms[1]["MetricName"] == "ReleaseFailures"
    groups = {
        each["LogGroupName"]["Ref"]
        for each in of_type(plain, "AWS::Logs::MetricFilter").values()
        if each["MetricTransformations"][0]["MetricName"] == "ReleaseFailures"
        and each["FilterPattern"] == failures_of(release(template))
    }
    assert groups == {"ApiLogGroup", "ProcessorLogGroup", "PublisherLogGroup"}


def test_a_shift_begins_when_failures_of_the_new_version_are_counted(packaged: Template) -> None:
    """CloudFormation updates what does not depend on each other in any order."""
    resources = translated(published(packaged, Release=SHIFTS[0]))["Resources"]
    waits_for: set[str] = set()
    new = {"APIHandlerAliaslive"}
    while new:
        waits_for |= new
        new = {name for each in new for name in dependencies(resources[each]) if name in resources} - waits_for
    filters = {f"{of}ReleaseFailuresMetric" for of in ("", "Processor", "Publisher")}
    assert {*filters, "ReleaseFailureAlarm", "ReleaseErrorAlarm"} <= waits_for


def dependencies(value: Any) -> Iterator[str]:
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
            yield name
        case dict():
            given = value.get("DependsOn", [])
            yield from [given] if isinstance(given, str) else given
            for each in value.values():
                yield from dependencies(each)
        case list():
            for each in value:
                yield from dependencies(each)


def test_a_release_at_once_has_nothing_of_a_shift_even_in_a_package_that_had(packaged: Template) -> None:
    assert published(published(packaged, Release=SHIFTS[0])) == published(packaged)
    assert "Code" + "Deploy" not in json.dumps(translated(published(packaged)))


def test_only_the_api_starts_from_a_snapshot_and_only_where_its_runtime_can(packaged: Template) -> None:
    template = translated(published(for_python_312(packaged), SnapStart="on"))
    functions = of_type(template, "AWS::Lambda::Function")
    assert {name for name, each in functions.items() if "SnapStart" in each} == {"APIHandler"}
    old = copy.deepcopy(packaged)
    properties(old, "APIHandler")["Runtime"] = "python3.11"
    with pytest.raises(click.ClickException, match=r"from Python 3\.12 on, and the package is for python3\.11"):
        publish(old, STAGE | {"SnapStart": "on"}, b"code")
