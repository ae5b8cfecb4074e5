"""The real package on the engine, functions run from the zip: `make e2e-package`.

Not part of `make test-all`: Chalice fetches the wheels for Lambda from the package index. The tests build on each
other.
"""

import json
import zipfile
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ordersctl.local.tokens import ADMIN_SCOPE, CUSTOMER_SCOPE, ensure_keys, mint
from testkit import builders, tokens
from testkit.waiting import eventually
from tests.tools.deploy.project import ARCHITECTURE, Project, full_engine, stage_on, with_numbers, write_settings

STAGE = "e2e"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The project, packaged and deployed as stage e2e, its signing key beside it."""
    directory = tmp_path_factory.mktemp("project")
    ensure_keys(directory / "keys")
    with full_engine(tmp_path_factory.mktemp("engine") / "state") as url:
        copy = Project.copied(directory, url)
        own = {"lambda_architecture": ARCHITECTURE, "api_gateway_stage": STAGE}
        copy.configure(STAGE, **copy.config("prod") | own)
        keep_for(copy, days="1")
        copy.ordersctl("package", "--stage", STAGE)
        with_numbers(copy.directory / "build" / STAGE / "sam.json")
        copy.ordersctl("deploy", "--stage", STAGE, "--yes")
        yield copy


def keep_for(project: Project, *, days: str) -> None:
    write_settings(
        project,
        STAGE,
        LogRetention=days,
        DeletionProtection="false",
        JwtIssuer=tokens.ISSUER,
        JwtAudience=tokens.AUDIENCE,
        JwtJwks=str(project.directory / "keys" / "jwks.json"),
    )


@pytest.fixture
def outputs(project: Project) -> dict[str, str]:
    found = client(project, "cloudformation").describe_stacks(StackName=f"orders-{STAGE}")["Stacks"][0]
    return {each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]}


def client(project: Project, service: str) -> Any:
    return stage_on(project.engine_url, STAGE).client(service)


def post(project: Project, outputs: dict[str, str], path: str = "orders", **headers: str) -> httpx.Response:
    url = f"{project.engine_url}/_aws/execute-api/{outputs['RestAPIId']}/{STAGE}/{path}"
    return httpx.post(url, json=builders.new_order(), headers=headers, timeout=30)


def token(project: Project, scope: str = CUSTOMER_SCOPE) -> str:
    return "Bearer " + mint(
        project.directory / "keys",
        subject=builders.CUSTOMER,
        scope=scope,
        issuer=tokens.ISSUER,
        audience=tokens.AUDIENCE,
    )


def events_at(project: Project, subscriber: str) -> list[dict[str, Any]]:
    """Receive and delete all events of a subscriber's queue."""
    sqs = client(project, "sqs")
    url = sqs.get_queue_url(QueueName=f"orders-{STAGE}-{subscriber}")["QueueUrl"]
    found = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0).get("Messages"):
        for message in messages:
            found.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def test_the_package_is_small_and_holds_what_runs_and_nothing_else(project: Project) -> None:
    package = project.directory / "build" / STAGE / "deployment.zip"
    assert package.stat().st_size <= 10_000_000
    with zipfile.ZipFile(package) as file:
        roots = {name.split("/")[0] for name in file.namelist() if ".dist-info" not in name}
    names = {root.partition(".cpython-")[0] for root in roots}
    ours = {"app.py", "chalicelib", "chalice"}
    theirs = {
        "_cffi_backend",
        "annotated_types",
        "cffi",
        "cryptography",
        "joserfc",
        "pycparser",
        "pydantic",
        "pydantic_core",
        "typing_extensions.py",
        "typing_inspection",
    }
    bytecode = {"__pycache__"}  # of the modules at the top; packages have theirs inside
    assert names == ours | theirs | bytecode


def test_orders_posted_to_the_deployed_api_are_events_at_the_subscribers(
    project: Project, outputs: dict[str, str]
) -> None:
    answers = [post(project, outputs, Authorization=token(project)) for _ in range(20)]
    assert {answer.status_code for answer in answers} == {202}
    accepted = {answer.json()["order_id"] for answer in answers}
    received: dict[str, list[str]] = {"inventory": [], "invoicing": [], "fulfilment": []}

    def all_are_received() -> bool:
        for subscriber, orders in received.items():
            orders += [event["subject"] for event in events_at(project, subscriber)]
        return set(received["invoicing"]) == accepted == set(received["inventory"])

    eventually(all_are_received, within=30)
    assert received["fulfilment"] == []  # it subscribes to confirmed orders only
    location = answers[0].headers["Location"].removeprefix(f"/{STAGE}/")
    url = f"{project.engine_url}/_aws/execute-api/{outputs['RestAPIId']}/{STAGE}/{location}"
    found = httpx.get(url, headers={"Authorization": token(project)}, timeout=30)
    assert (found.status_code, found.json()["status"]) == (200, "placed")


def test_a_smoke_test_of_the_deployed_stage_finds_every_step_as_it_should_be(
    project: Project, outputs: dict[str, str]
) -> None:
    url = f"{project.engine_url}/_aws/execute-api/{outputs['RestAPIId']}/{STAGE}"
    tokens_of_both = [token(project, scope).removeprefix("Bearer ") for scope in (CUSTOMER_SCOPE, ADMIN_SCOPE)]
    options = ["--stage", STAGE, "--url", url, "--token", tokens_of_both[0], "--admin-token", tokens_of_both[1]]
    assert "steps, all as they should be" in project.ordersctl("smoke", *options)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nonsense"}], ids=["no token", "a bad token"])
def test_without_a_valid_token_nothing_is_accepted(
    headers: dict[str, str], project: Project, outputs: dict[str, str]
) -> None:
    assert post(project, outputs, **headers).status_code == 401


def test_one_order_that_cannot_be_stored_is_retried_and_the_rest_of_its_batch_is_stored(
    project: Project, outputs: dict[str, str]
) -> None:
    sqs, url = client(project, "sqs"), outputs["OrderQueueUrl"]
    good = [builders.command(order_id=builders.fresh_order_id()) for _ in range(9)]
    # More than an item may hold: DynamoDB refuses it each time.
    lines = [builders.line(sku=f"{n:064}", name="x" * 200) for n in range(2_000)]
    bad = builders.command(order_id=builders.fresh_order_id(), order=builders.new_order(items=lines))
    bodies = [json.dumps(each) for each in [*good[:4], bad, *good[4:]]]
    for start in (0, 5):  # a call takes 1 MiB altogether
        sqs.send_message_batch(
            QueueUrl=url,
            Entries=[{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies[start : start + 5])],
        )
    stored = set[str]()

    def the_rest_is_published() -> bool:
        stored.update(event["subject"] for event in events_at(project, "invoicing"))
        return {each["order_id"] for each in good} <= stored

    eventually(the_rest_is_published, within=30)
    attributes = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def only_one_is_left() -> bool:
        depths = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=attributes)["Attributes"]
        return [depths[name] for name in attributes] == ["0", "1"]  # the one waits for its visibility timeout

    eventually(only_one_is_left, within=10)
    assert bad["order_id"] not in stored


def test_the_doctor_reports_only_what_the_engine_lacks(project: Project) -> None:
    done = project.run("-m", "ordersctl", "doctor", "--stage", STAGE)
    ill = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert ill == [
        "FAIL point-in-time recovery is DISABLED -> make package STAGE=e2e, then ordersctl deploy --stage e2e"
    ], done.stderr


def test_the_same_package_changes_nothing_and_a_new_setting_does(project: Project) -> None:
    assert "nothing to change" in project.ordersctl("deploy", "--stage", STAGE, "--yes")
    keep_for(project, days="3")
    assert "LogGroup" in project.ordersctl("deploy", "--stage", STAGE, "--yes")
    groups = client(project, "logs").describe_log_groups()["logGroups"]
    assert {group["retentionInDays"] for group in groups if group["logGroupName"].startswith("/aws/lambda/")} == {3}


def test_a_deleted_stack_leaves_the_orders_and_no_function(project: Project, outputs: dict[str, str]) -> None:
    cloudformation = client(project, "cloudformation")
    cloudformation.delete_stack(StackName=f"orders-{STAGE}")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=f"orders-{STAGE}", WaiterConfig={"Delay": 1})
    assert client(project, "lambda").list_functions()["Functions"] == []
    table = client(project, "dynamodb").describe_table(TableName=outputs["OrderTable"])["Table"]
    assert table["TableStatus"] == "ACTIVE"
