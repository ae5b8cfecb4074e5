"""`ordersctl provision` and `deploy` raise a customer's number of index keys in two steps, on an engine."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.tools.deploy.project import ARCHITECTURE, Project, full_engine, stage_on, with_numbers, write_settings
from tests.tools.deploy.test_provision import archive

pytestmark = pytest.mark.full  # commands in processes, on an engine of their own

TOKENS = {"JwtIssuer": "https://issuer.orders.dev", "JwtAudience": "orders", "JwtJwks": "keys.json"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with full_engine(tmp_path_factory.mktemp("engine") / "state") as url:
        yield Project.copied(tmp_path_factory.mktemp("project"), url)


def write(project: Project, stage: str, spread_customers: str) -> None:
    write_settings(project, stage, SpreadCustomers=spread_customers, SampleSubscribers="false", **TOKENS)


def run(project: Project, command: str, stage: str, spread_customers: str) -> Any:
    write(project, stage, spread_customers)
    return project.run("-m", "ordersctl", command, "--stage", stage, "--yes")


def test_provision_has_more_keys_read_before_they_are_written(project: Project) -> None:
    project.configure("keys", environment_variables={"JWT_ISSUER": TOKENS["JwtIssuer"]})
    lambdas = stage_on(project.engine_url, "keys").client("lambda")

    def provisioned(spread_customers: str) -> str:
        done = run(project, "provision", "keys", spread_customers)
        assert done.returncode == 0, done.stdout + done.stderr
        return str(project.config("keys")["environment_variables"]["SPREAD_CUSTOMERS"])

    assert provisioned("guest=4:people") == "guest=4:people"  # nothing is deployed that could miss orders
    code = {"ZipFile": archive("app.py", "def nothing(event, context): pass")}
    role = "arn:aws:iam::000000000000:role/nobody"
    variables = {"SPREAD_CUSTOMERS": "guest=4:people"}
    lambdas.create_function(
        FunctionName="orders-keys",
        Runtime="python3.12",
        Handler="app.nothing",
        Role=role,
        Code=code,
        Environment={"Variables": variables},
    )
    for _ in range(2):  # also when it is run again before the functions are deployed
        assert provisioned("guest=16:people") == "guest=4..16:people"
    variables = {"SPREAD_CUSTOMERS": "guest=4..16:people"}
    lambdas.update_function_configuration(FunctionName="orders-keys", Environment={"Variables": variables})
    assert provisioned("guest=16:people") == "guest=16:people"
    assert stage_on(project.engine_url, "keys").spread["guest"].written == 16
    for fewer in ("guest=8:people", ""):
        done = run(project, "provision", "keys", fewer)
        assert done.returncode == 1
        assert "guest is spread over 16 keys of the index and cannot go back" in done.stderr


def test_deploy_raises_a_number_in_two_changes_of_the_stack(project: Project) -> None:
    own = {"lambda_architecture": ARCHITECTURE, "api_gateway_stage": "raised"}
    project.configure("raised", **project.config("prod") | own)
    write(project, "raised", "guest=4")
    project.ordersctl("package", "--stage", "raised", "--template-only")  # no function is invoked
    with_numbers(project.directory / "build" / "raised" / "sam.json")
    first = run(project, "deploy", "raised", "guest=4")
    assert (first.returncode, "step 1" in first.stderr) == (0, False), first.stdout + first.stderr
    raised = run(project, "deploy", "raised", "guest=16")
    assert raised.returncode == 0, raised.stdout + raised.stderr
    assert "step 1 of 2: SpreadCustomers is guest=4..16" in raised.stderr
    assert "step 2 of 2: SpreadCustomers is guest=16" in raised.stderr
    assert stage_on(project.engine_url, "raised").spread["guest"].written == 16
    lowered = run(project, "deploy", "raised", "guest=4")
    assert lowered.returncode == 1
    assert "cannot go back to 4" in lowered.stderr
