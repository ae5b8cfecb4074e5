"""`chalice deploy` after `ordersctl provision`, on the engine: `make e2e-deploy`.

Not part of `make test-all`: Chalice fetches the wheels for Lambda, and waits for new roles. The tests build on each
other. The engine imports an API as an empty one, so no test calls it, and lacks PutRestApi, the last call of a second
deployment.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from testkit import builders
from testkit.waiting import eventually
from tests.tools.deploy.project import ARCHITECTURE, Project, full_engine, stage_on

FUNCTIONS = {"orders-local", "orders-local-authorizer", "orders-local-process-orders", "orders-local-publish-events"}
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with full_engine(tmp_path_factory.mktemp("engine") / "state") as url:
        copy = Project.copied(tmp_path_factory.mktemp("project"), url)
        copy.configure("local", lambda_architecture=ARCHITECTURE)
        copy.ordersctl("provision", "--stage", "local", "--yes")
        done = copy.chalice("deploy", "--stage", "local")
        assert done.returncode == 0, done.stderr
        yield copy


def client(project: Project, service: str) -> Any:
    return stage_on(project.engine_url, "local").client(service)


def mappings(project: Project) -> list[dict[str, Any]]:
    found = client(project, "lambda").list_event_source_mappings()["EventSourceMappings"]
    return sorted(
        ({name: value for name, value in each.items() if name[:4] != "Last"} for each in found),
        key=lambda each: each["FunctionArn"],
    )


def what_is_logged(project: Project) -> dict[str, tuple[str, str]]:
    """Function name -> log format and system log level."""
    found = client(project, "lambda").list_functions()["Functions"]
    settings = {each["FunctionName"]: each.get("LoggingConfig", {}) for each in found}
    return {name: (each.get("LogFormat"), each.get("SystemLogLevel")) for name, each in settings.items()}


def test_functions_roles_and_mappings_exist(project: Project) -> None:
    functions = client(project, "lambda").list_functions()["Functions"]
    assert {each["FunctionName"] for each in functions} == FUNCTIONS
    roles = {each["Role"].rpartition("/")[2] for each in functions}
    assert len(roles) == len(FUNCTIONS)
    assert roles <= {each["RoleName"] for each in client(project, "iam").list_roles()["Roles"]}
    sources = [each["EventSourceArn"].split(":")[2] for each in mappings(project)]
    assert sources == ["sqs", "dynamodb"]


def test_a_role_names_the_resources_that_its_function_may_use(project: Project) -> None:
    iam = client(project, "iam")
    role = "orders-local-process-orders"
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = json.dumps(iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"])
    assert "arn:aws:sqs:us-east-1:000000000000:orders-local-queue" in document
    assert "Fn::" not in document


def test_a_message_becomes_an_event_at_the_subscriber_beside_a_poison_message(project: Project) -> None:
    sqs = client(project, "sqs")
    queue, invoicing, dead = (
        sqs.get_queue_url(QueueName=f"orders-local-{name}")["QueueUrl"] for name in ("queue", "invoicing", "queue-dlq")
    )
    command = builders.command(order_id=builders.fresh_order_id())
    bodies = [json.dumps(command), "not a command"]
    sqs.send_message_batch(
        QueueUrl=queue, Entries=[{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)]
    )
    (event,) = eventually(lambda: sqs.receive_message(QueueUrl=invoicing).get("Messages"), within=30)
    assert json.loads(event["Body"])["subject"] == command["order_id"]
    (dead_letter,) = eventually(lambda: sqs.receive_message(QueueUrl=dead).get("Messages"), within=30)
    assert dead_letter["Body"] == "not a command"


def test_the_doctor_asks_for_tuning_and_tuning_survives_a_second_deployment(project: Project) -> None:
    assert "ordersctl tune" in project.run("-m", "ordersctl", "doctor", "--stage", "local").stdout
    project.ordersctl("tune", "--stage", "local")
    assert project.ordersctl("tune", "--stage", "local").count("as it should be") == 2
    tuned, logging = mappings(project), what_is_logged(project)
    assert set(logging.values()) == {("JSON", "WARN")}
    assert tuned[1]["DestinationConfig"]["OnFailure"]["Destination"].endswith(":orders-local-events-dlq")
    done = project.chalice("deploy", "--stage", "local")
    assert "PutRestApi" in done.stderr  # all that comes before it was done
    assert mappings(project) == tuned
    assert what_is_logged(project) == logging
    assert {each["FunctionName"] for each in client(project, "lambda").list_functions()["Functions"]} == FUNCTIONS


def test_provisioning_again_changes_nothing(project: Project) -> None:
    before = project.config("local")
    assert "nothing to change" in project.ordersctl("provision", "--stage", "local", "--yes")
    assert project.config("local") == before
