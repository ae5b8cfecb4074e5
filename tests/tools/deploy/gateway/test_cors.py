"""CORS_ALLOW_ORIGIN in a package: API Gateway's own responses must be readable by the same pages."""

import json
from pathlib import Path
from typing import Any

import airspeed
import click
import pytest

from chalicelib.http.cors import Origins, config
from ordersctl.deploy import package
from ordersctl.deploy.overlay import cors as overlay
from ordersctl.deploy.sam import translated
from tests.tools.deploy.gateway.velocity import Input, Parameters, Util
from tests.tools.deploy.template_parts import Template, gateway_answers, properties
from tests.tools.deploy.test_template import complaints

ORIGIN = "https://shop.example.com"
SEVERAL = f"{ORIGIN} https://admin.example.com http://localhost:3000"
ALLOW, EXPOSE = "Access-Control-Allow-Origin", "Access-Control-Expose-Headers"


def project_with(directory: Path, origin: str) -> Path:
    """A project to package whose stage prod has an origin."""
    package.copy_sources(directory)
    (directory / "requirements.txt").touch()
    path = directory / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"]["prod"]["environment_variables"][overlay.CORS] = origin
    path.write_text(json.dumps(config))
    return directory


@pytest.fixture(scope="module")
def with_cors(tmp_path_factory: pytest.TempPathFactory) -> Template:
    out = tmp_path_factory.mktemp("out")
    package.build(project_with(tmp_path_factory.mktemp("project"), ORIGIN), "prod", out)
    template: Template = json.loads((out / package.TEMPLATE).read_text())
    return template


def answers_of(template: Template) -> list[dict[str, str]]:
    """The headers of each response that API Gateway makes without our code."""
    post = properties(template, "RestAPI")["Body"]["paths"]["/orders"]["post"]
    direct: dict[str, Any] = post["x-amazon-apigateway-integration"]["responses"]
    found = [each["responseParameters"] for each in gateway_answers(template).values()]
    for status, each in direct.items():
        parameters = each["responseParameters"] if status == "default" else each["Fn::If"][1]["responseParameters"]
        found.append(parameters["Fn::If"][1] if "Fn::If" in parameters else parameters)
    return [{name.rpartition(".")[2]: value for name, value in each.items()} for each in found]


def test_gateway_responses_and_direct_acceptance_name_the_origin_as_the_code_does(with_cors: Template) -> None:
    template = translated(with_cors)
    allowed = config(ORIGIN)
    assert isinstance(allowed, Origins)
    expected = {name: f"'{allowed.get_access_control_headers()[name]}'" for name in (ALLOW, EXPOSE)}
    answers = answers_of(template)
    assert len(answers) == len(gateway_answers(template)) + 3
    assert all(expected.items() <= each.items() for each in answers)
    methods = properties(template, "RestAPI")["Body"]["paths"]["/orders"]["post"]["responses"]
    assert all({ALLOW, EXPOSE} <= methods[status]["headers"].keys() for status in ("202", "400", "403", "413", "503"))
    function = properties(template, "APIHandler")["Environment"]["Variables"]
    assert function[overlay.CORS] == ORIGIN


@pytest.mark.full  # `make check` lints the templates of stage prod
@pytest.mark.timeout(900)  # on a busy machine
def test_the_linter_accepts_the_template_with_an_origin(with_cors: Template, tmp_path: Path) -> None:
    assert complaints(tmp_path, translated=translated(with_cors)) == ""


def test_without_an_origin_no_answer_names_one(template: Template) -> None:
    assert not any(ALLOW in each for each in answers_of(template))


@pytest.mark.parametrize(
    "origin",
    ["shop.example.com", "https://a.example/", "https://a' x", "null", "${Stage}", f"{ORIGIN} *", f"{ORIGIN},{ORIGIN}",
     f"{ORIGIN}  {ORIGIN}"],
)  # fmt: skip
def test_an_invalid_origin_is_not_packaged(origin: str, tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match="CORS_ALLOW_ORIGIN"):
        overlay.allowed_origins(project_with(tmp_path, origin), "prod")


@pytest.mark.parametrize("origin", ["", "*", ORIGIN, "http://localhost:3000", SEVERAL])
def test_a_valid_origin_is_packaged(origin: str, tmp_path: Path) -> None:
    assert overlay.allowed_origins(project_with(tmp_path, origin), "prod") == origin


# --- several origins -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def with_several(tmp_path_factory: pytest.TempPathFactory) -> Template:
    out = tmp_path_factory.mktemp("out")
    package.build(project_with(tmp_path_factory.mktemp("project"), SEVERAL), "prod", out)
    template: Template = json.loads((out / package.TEMPLATE).read_text())
    return translated(template)


def chosen(template: str, asking: dict[str, str]) -> str | None:
    """The origin that a template of API Gateway names to the one that asks; None where it changes nothing."""
    headers: dict[str, str] = {}
    known = {
        "input": Input("", Parameters.of(asking, {})),
        "context": {"responseOverride": {"header": headers, "status": 200}},
    }
    airspeed.Template(template).merge({**known, "util": Util()})
    return headers.get(ALLOW)


ASKING = [
    ({"Origin": ORIGIN}, ORIGIN),
    ({"origin": "https://admin.example.com"}, "https://admin.example.com"),
    ({"Origin": "http://localhost:3000"}, "http://localhost:3000"),
    ({"Origin": "https://evil.example"}, None),
    ({"Origin": ORIGIN + ".evil.example"}, None),
    ({}, None),
]


@pytest.mark.parametrize(("asking", "named"), ASKING, ids=str)
def test_every_preflight_names_the_origin_that_asks_if_it_is_allowed(
    with_several: Template, asking: dict[str, str], named: str | None
) -> None:
    paths = properties(with_several, "RestAPI")["Body"]["paths"]
    assert set(paths) == set(overlay.PATHS)
    for path in paths.values():
        answer = path["options"]["x-amazon-apigateway-integration"]["responses"]["default"]
        assert answer["responseParameters"][f"method.response.header.{ALLOW}"] == f"'{ORIGIN}'"
        assert answer["responseParameters"]["method.response.header.Vary"] == "'Origin'"
        assert "Vary" in path["options"]["responses"]["200"]["headers"]
        assert chosen(answer["responseTemplates"]["application/json"], asking) == named


@pytest.mark.parametrize(("asking", "named"), ASKING, ids=str)
def test_direct_acceptance_names_the_origin_that_asks_if_it_is_allowed(
    with_several: Template, asking: dict[str, str], named: str | None
) -> None:
    post = properties(with_several, "RestAPI")["Body"]["paths"]["/orders"]["post"]
    answers = post["x-amazon-apigateway-integration"]["responses"]
    for status in ("2\\d{2}", "4\\d{2}"):
        assert chosen(answers[status]["Fn::If"][1]["responseTemplates"]["application/json"], asking) == named
    assert chosen(answers["default"]["responseTemplates"]["Fn::If"][1]["application/json"], asking) == named


def test_gateway_responses_name_the_origin_that_asks(with_several: Template) -> None:
    for answer in gateway_answers(with_several).values():
        headers = answer["responseParameters"]
        assert headers[f"gatewayresponse.header.{ALLOW}"] == "method.request.header.Origin"
        assert headers["gatewayresponse.header.Vary"] == "'Origin'"
