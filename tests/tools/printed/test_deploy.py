"""The commands that deploy: on an engine, and tune and rollback on fakes of the account."""

import re
import subprocess
from collections.abc import Iterator

import pytest

from ordersctl.shared.stage import Stage
from tests.tools.deploy.project import ARCHITECTURE, Project, full_engine, with_numbers, write_settings
from tests.tools.deploy.release import test_shift
from tests.tools.deploy.test_tune import Account
from tests.tools.printed.form import Form

pytestmark = pytest.mark.full  # commands in processes, on an engine of their own

WHOLE = "whole"  # the stage that is deployed as one stack
ISSUER = {"JwtIssuer": "https://i.test", "JwtAudience": "orders", "JwtJwks": "https://i.test/keys"}


@pytest.fixture(scope="module")
def project(form: Form, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The project, with nothing deployed."""
    with full_engine(tmp_path_factory.mktemp("engine") / "state") as url:
        copy = Project.copied(tmp_path_factory.mktemp("project"), url)
        variables = copy.config("dev")["environment_variables"] | {"JWT_ISSUER": "https://issuer.orders.dev"}
        copy.configure("dev", environment_variables=variables)
        own = {"lambda_architecture": ARCHITECTURE, "api_gateway_stage": WHOLE}
        copy.configure(WHOLE, **copy.config("prod") | own)
        write_settings(copy, WHOLE, **ISSUER, SampleSubscribers="false")
        assert form
        yield copy


def check(form: Form, project: Project, *arguments: str, status: int = 0, varying: str | None = None) -> None:
    errors = subprocess.STDOUT if form.name == "terminal" else subprocess.PIPE
    done = project.run("-m", "ordersctl", *arguments, errors=errors, **form.environment)
    assert done.returncode == status, f"{done.stdout}{done.stderr}"
    form.check_width(done.stdout)
    some = re.sub(r"((?:│ Add .*\n){2})(?:│ Add .*\n)+", r"\1…\n", done.stdout)  # the templates' resources change often
    form.compare(arguments[0], some, varying, DIR=str(project.directory))


def test_provision_and_doctor(form: Form, project: Project) -> None:
    check(form, project, "provision", "--stage", "dev", "--yes")
    check(form, project, "doctor", "--stage", "dev", status=1, varying=r"\d+(?= concurrent)")


def test_package_and_deploy(form: Form, project: Project) -> None:
    check(form, project, "package", "--stage", WHOLE, "--template-only", varying=r"\d+(?= KiB)")
    with_numbers(project.directory / "build" / WHOLE / "sam.json")
    check(form, project, "deploy", "--stage", WHOLE, "--yes", varying=r"(?<=//)\w+(?=\.execute-api)")


def test_tune(form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage("dev", Account(busy=0), {})  # type: ignore[arg-type]  # a fake session
    monkeypatch.setattr(Stage, "at", lambda *_args, **_options: stage)
    form.check("tune", form.run("tune", "--stage", "dev", environment={}))


def test_rollback(form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = test_shift.Account().stage
    monkeypatch.setattr(Stage, "at", lambda *_args, **_options: stage)
    form.check("rollback", form.run("rollback", "--stage", "prod", "--yes", environment={}))
