"""CORS_ALLOW_ORIGIN in a package: API Gateway's own responses must be readable by the same pages."""

import json
from pathlib import Path
from typing import Any

import click
import pytest

from chalicelib.http.responses import cors
from ordersctl.deploy import package
from ordersctl.deploy.overlay import template as overlay
from ordersctl.deploy.sam import translated
from tests.tools.deploy.template_parts import Template, gateway_answers, properties
from tests.tools.deploy.test_template import complaints

ORIGIN = "https://shop.example.com"
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
    allowed = cors(ORIGIN)
    assert not isinstance(allowed, bool)
    expected = {name: f"'{allowed.get_access_control_headers()[name]}'" for name in (ALLOW, EXPOSE)}
    answers = answers_of(template)
    assert len(answers) == len(gateway_answers(template)) + 3
    assert all(expected.items() <= each.items() for each in answers)
    methods = properties(template, "RestAPI")["Body"]["paths"]["/orders"]["post"]["responses"]
    assert all({ALLOW, EXPOSE} <= methods[status]["headers"].keys() for status in ("202", "400", "403", "413", "503"))
    function = properties(template, "APIHandler")["Environment"]["Variables"]
    assert function[overlay.CORS] == ORIGIN


@pytest.mark.full  # `make check` lints the templates of stage prod
def test_the_linter_accepts_the_template_with_an_origin(with_cors: Template, tmp_path: Path) -> None:
    assert complaints(tmp_path, sam=with_cors, translated=translated(with_cors)) == ""


def test_without_an_origin_no_answer_names_one(template: Template) -> None:
    assert not any(ALLOW in each for each in answers_of(template))


@pytest.mark.parametrize("origin", ["shop.example.com", "https://a.example/", "https://a' x", "null", "${Stage}"])
def test_an_invalid_origin_is_not_packaged(origin: str, tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match="CORS_ALLOW_ORIGIN"):
        overlay.allowed_origin(project_with(tmp_path, origin), "prod")


@pytest.mark.parametrize("origin", ["", "*", ORIGIN, "http://localhost:3000"])
def test_a_valid_origin_is_packaged(origin: str, tmp_path: Path) -> None:
    assert overlay.allowed_origin(project_with(tmp_path, origin), "prod") == origin
