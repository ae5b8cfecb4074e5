"""`ordersctl deploy` on a second engine, LocalEmu, independent of the embedded one: `make e2e-second-engine`.

Not part of `make test-all`: LocalEmu needs Python 3.13 and an environment of its own. The tests build on each other.
It has no Docker here, so that functions are made and never run. It accepts and ignores metric filters and cost alarms,
and cannot import resources.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from ordersctl.shared.engine_client import client_options, get_json
from ordersctl.shared.project import PROJECT_DIR
from testkit.waiting import eventually, free_port
from tests.tools.deploy.project import Project, write_settings

STAGE = "second"
STACK = f"orders-{STAGE}"
SECRET = f"{STACK}-id-secret"
SETTINGS = {
    "DeletionProtection": "false",
    "JwtIssuer": "https://issuer.test",
    "JwtAudience": "orders",
    "JwtJwks": "https://issuer.test/keys",
}
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home, port = tmp_path_factory.mktemp("second-engine"), free_port()
    python = PROJECT_DIR / "build" / "second-engine" / "bin" / "python"
    with (home / "log.txt").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [python, "-P", PROJECT_DIR / "testkit" / "servers" / "second_engine.py", str(port)],
            env={**os.environ, "HOME": str(home), "TMPDIR": str(home)},
            cwd=home,
            stdout=log,
            stderr=log,
        )
        url = f"http://127.0.0.1:{port}"
        try:
            eventually(lambda: get_json(f"{url}/_localemu/health"), within=60)
            yield url
        finally:
            process.kill()  # on SIGTERM it saves data, slowly, that is not needed
            process.wait()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, engine: str) -> Project:
    """A copy of the project, packaged without its dependencies: no function runs here."""
    copy = Project.copied(tmp_path_factory.mktemp("project"), engine)
    copy.configure(STAGE, **copy.config("prod") | {"api_gateway_stage": STAGE})
    write_settings(copy, STAGE, **SETTINGS)
    out = Path("build") / STAGE
    copy.ordersctl("package", "--stage", STAGE, "--template-only", "--out", str(out))
    return copy


def client(project: Project, service: str) -> Any:
    return boto3.client(service, **client_options(project.engine_url))  # type: ignore[call-overload]


def deploy(project: Project) -> str:
    return project.ordersctl("deploy", "--stage", STAGE, "--yes")


def secret(project: Project) -> tuple[str, str]:
    found = client(project, "secretsmanager").get_secret_value(SecretId=SECRET)
    return found["ARN"], found["SecretString"]


def delete_stack(project: Project) -> None:
    cloudformation = client(project, "cloudformation")
    cloudformation.delete_stack(StackName=STACK)

    def is_gone() -> bool:
        try:
            stack = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
        except ClientError as error:
            return "does not exist" in str(error)
        return bool(stack["StackStatus"] == "DELETE_COMPLETE")

    eventually(is_gone, within=60)


def test_the_stack_is_created_with_its_functions_mappings_and_roles(project: Project) -> None:
    assert f"{STACK}: done" in deploy(project)
    names = {each["FunctionName"] for each in client(project, "lambda").list_functions()["Functions"]}
    assert names == {STACK, f"{STACK}-authorizer", f"{STACK}-process-orders", f"{STACK}-publish-events"}
    mappings = client(project, "lambda").list_event_source_mappings()["EventSourceMappings"]
    assert sorted(each["EventSourceArn"].split(":")[2] for each in mappings) == ["dynamodb", "sqs"]
    assert all(each["FunctionResponseTypes"] == ["ReportBatchItemFailures"] for each in mappings)
    (api,) = client(project, "apigateway").get_rest_apis()["items"]
    paths = {each["path"] for each in client(project, "apigateway").get_resources(restApiId=api["id"])["items"]}
    assert {"/orders", "/orders/{order_id}", "/customers/{customer_id}/orders"} <= paths


def test_each_role_has_the_policy_of_its_function_with_names_filled_in(project: Project) -> None:
    iam = client(project, "iam")
    configuration = client(project, "lambda").get_function_configuration(FunctionName=f"{STACK}-process-orders")
    role = configuration["Role"].rpartition("/")[2]
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    statements = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]["Statement"]
    (storing,) = (each for each in statements if each["Action"] == "dynamodb:PutItem")
    assert storing["Resource"].endswith(f":table/{STACK}")


def test_a_changed_setting_changes_what_it_is_about_and_nothing_else(project: Project) -> None:
    before = secret(project)
    write_settings(project, STAGE, **SETTINGS, OrderBatchSize="1")
    report = deploy(project)
    assert "ProcessOrdersProcessOrdersSqsEventSource" in report
    assert not any(name in report for name in ("OrderTable", "IdSecret", "OrderQueue ", "EventTopic "))
    mappings = client(project, "lambda").list_event_source_mappings()["EventSourceMappings"]
    (queue,) = (each for each in mappings if ":sqs:" in each["EventSourceArn"])
    assert queue["BatchSize"] == 1
    assert secret(project) == before


def test_the_table_with_its_orders_and_the_secret_outlive_the_stack(project: Project) -> None:
    dynamodb, before = client(project, "dynamodb"), secret(project)
    dynamodb.put_item(TableName=STACK, Item={"order_id": {"S": "kept"}})
    delete_stack(project)
    assert dynamodb.get_item(TableName=STACK, Key={"order_id": {"S": "kept"}})["Item"]
    assert secret(project) == before
    assert client(project, "lambda").list_functions()["Functions"] == []


def test_a_refused_import_of_table_and_secret_leaves_both_as_they_are(project: Project) -> None:
    """The engine has no imports: what they do is tested in tests/tools/deploy, with a fake CloudFormation."""
    before = secret(project)
    done = project.run("-m", "ordersctl", "deploy", "--stage", STAGE, "--yes")
    assert done.returncode == 1
    assert "taking over what an earlier stack left" in done.stderr
    found = client(project, "dynamodb").get_item(TableName=STACK, Key={"order_id": {"S": "kept"}})
    assert found["Item"]
    assert secret(project) == before


def test_a_stage_without_table_and_secret_is_created_anew(project: Project) -> None:
    client(project, "dynamodb").delete_table(TableName=STACK)
    client(project, "secretsmanager").delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
    assert f"{STACK}: done" in deploy(project)
    assert client(project, "dynamodb").describe_table(TableName=STACK)["Table"]["TableStatus"] == "ACTIVE"
