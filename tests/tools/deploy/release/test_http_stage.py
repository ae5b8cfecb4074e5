"""A stage with an HTTP API on the engine: created by the real commands, examined by doctor, and gone back."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.tools.deploy.project import ARCHITECTURE, Project, full_engine, stage_on, with_numbers, write_settings

pytestmark = pytest.mark.full  # each deployment takes seconds
STAGE = "http"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The project as stage http, packaged without its dependencies: no function is invoked."""
    with full_engine(tmp_path_factory.mktemp("engine") / "state") as url:
        copy = Project.copied(tmp_path_factory.mktemp("project"), url)
        own = {"lambda_architecture": ARCHITECTURE, "api_gateway_stage": STAGE}
        copy.configure(STAGE, **copy.config("prod") | own)
        write(copy)
        copy.ordersctl("package", "--stage", STAGE, "--template-only")
        with_numbers(copy.directory / "build" / STAGE / "sam.json")
        copy.ordersctl("deploy", "--stage", STAGE, "--yes")
        yield copy


def write(project: Project, **settings: str) -> None:
    issuer = {"JwtIssuer": "https://i.test", "JwtAudience": "orders", "JwtJwks": "https://i.test/keys"}
    write_settings(project, STAGE, **{"Api": "HTTP", "DeletionProtection": "false", **issuer, **settings})


def test_it_has_every_route_and_the_stages_issuer(project: Project) -> None:
    stage = stage_on(project.engine_url, STAGE)
    client: Any = stage.client("apigatewayv2")
    api = stage.outputs()["HttpApiId"]
    assert len(client.get_routes(ApiId=api)["Items"]) == 15
    (authorizer,) = client.get_authorizers(ApiId=api)["Items"]
    assert authorizer["JwtConfiguration"] == {"Issuer": "https://i.test", "Audience": ["orders"]}


def test_the_doctor_finds_the_api_as_the_settings_say_and_notices_another_issuer(project: Project) -> None:
    def ill() -> list[str]:
        done = project.run("-m", "ordersctl", "doctor", "--stage", STAGE)
        return [line.partition(" -> ")[0] for line in done.stdout.splitlines() if line.startswith("FAIL")]

    assert ill() == ["FAIL point-in-time recovery is DISABLED"]
    write(project, JwtIssuer="https://other.test")
    assert "FAIL the API's authorizer has the stage's issuer and audience" in ill()
    write(project)


def test_its_releases_go_back_without_an_authorizer_function(project: Project) -> None:
    write(project, CustomerClaim="customer")
    project.ordersctl("deploy", "--stage", STAGE, "--yes")
    moved = project.ordersctl("rollback", "--stage", STAGE, "--yes").splitlines()[:3]
    assert moved == [f"orders-{STAGE}{name}: version 1" for name in ("", "-process-orders", "-publish-events")]


def test_a_package_for_a_rest_api_is_not_deployed_as_an_http_api_or_the_other_way_round(project: Project) -> None:
    write(project, Api="REST")
    done = project.run("-m", "ordersctl", "deploy", "--stage", STAGE, "--yes")
    write(project)
    assert done.returncode == 1
    assert "the package is for another Api: make package STAGE=http" in done.stderr
