"""`ordersctl provision`, `doctor`, `deploy` and `tune` on an engine."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.settings import Settings
from ordersctl.deploy.chalice_config import filled_in, record
from ordersctl.deploy.stack import Stack
from ordersctl.shared import templates
from ordersctl.shared.project import CHALICE_CONFIG
from tests.tools.deploy.project import Project, full_engine, stage_on, write_settings

pytestmark = pytest.mark.full  # commands in processes, on an engine of their own

OUTPUTS = {
    "OrderStreamArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/orders-dev/stream/2026",
    "OrderQueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/orders-dev-queue",
    "OrderDeadLetterQueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/orders-dev-queue-dlq",
    "EventDeadLetterQueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/orders-dev-events-dlq",
    "EventTopicArn": "arn:aws:sns:eu-west-1:123456789012:orders-dev-events",
    "IdSecretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:orders-dev-id-secret-AbCdEf",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The project, its stage dev provisioned."""
    with full_engine(tmp_path_factory.mktemp("engine") / "state") as url:
        copy = Project.copied(tmp_path_factory.mktemp("project"), url)
        name_issuer(copy, "https://issuer.orders.dev")
        copy.ordersctl("provision", "--stage", "dev", "--yes")
        yield copy


def name_issuer(project: Project, issuer: str) -> None:
    environment = project.config("dev")["environment_variables"]
    project.configure("dev", environment_variables={**environment, "JWT_ISSUER": issuer})


def test_the_stacks_outputs_are_written_to_the_configuration_so_that_the_service_starts(project: Project) -> None:
    written = project.config("dev")
    settings = Settings.from_env(written["environment_variables"])
    assert settings.order_queue_url.endswith("/orders-dev-queue")
    assert not settings.reports_batch_item_failures  # the mappings that chalice makes do not read reports
    for function, own in written["lambda_functions"].items():
        policy = json.loads((project.directory / ".chalice" / own["iam_policy_file"]).read_text())
        assert f"orders-dev{'' if function == 'api_handler' else '-' + function}:*" in json.dumps(policy)
        assert "Fn::" not in json.dumps(policy)


def test_nothing_is_changed_when_the_answer_is_no(project: Project) -> None:
    path = project.directory / "infra" / "stages" / "dev.json"
    before = path.read_text()
    path.write_text(before.replace('"14"', '"7"'))
    done = project.run("-m", "ordersctl", "provision", "--stage", "dev")  # its prompt gets no answer
    path.write_text(before)
    assert done.returncode == 1
    assert "ApiLogGroup" in done.stderr
    groups = stage_on(project.engine_url, "dev").client("logs").describe_log_groups()["logGroups"]
    assert {group["retentionInDays"] for group in groups} == {14}


@pytest.mark.parametrize(
    ("region", "before"), [((), ""), (("--region", "us-east-1"), "AWS_DEFAULT_REGION=us-east-1 ")], ids=["", "region"]
)
def test_the_doctor_says_that_nothing_is_deployed_and_what_to_do(
    region: tuple[str, ...], before: str, project: Project
) -> None:
    done = project.run("-m", "ordersctl", "doctor", "--stage", "dev", *region)
    assert done.returncode == 1
    assert f"FAIL orders-dev-process-orders is deployed -> {before}chalice deploy --stage dev\n" in done.stdout
    assert "ok   alarms that are missing: none" in done.stdout


def test_the_doctor_sees_a_setting_that_was_changed_since(project: Project) -> None:
    path = project.directory / "infra" / "stages" / "dev.json"
    before = path.read_text()
    path.write_text(before.replace('"14"', '"7"'))
    done = project.run("-m", "ordersctl", "doctor", "--stage", "dev")
    path.write_text(before)
    assert "FAIL settings that are not those of infra/stages: LogRetention" in done.stdout


def test_the_doctor_names_a_hot_key_and_the_page_about_it(project: Project) -> None:
    index = {"TableName": "orders-dev", "GlobalSecondaryIndexName": "by-customer"}
    throttled = {
        "MetricName": "WriteKeyRangeThroughputThrottleEvents",
        "Dimensions": [{"Name": name, "Value": value} for name, value in index.items()],
        "Value": 723,
    }
    doctor = ("-m", "ordersctl", "doctor", "--stage", "dev")
    assert "ok   throttled by DynamoDB in 15 minutes: nothing" in project.run(*doctor).stdout
    metrics = stage_on(project.engine_url, "dev").client("cloudwatch")
    metrics.put_metric_data(Namespace="AWS/DynamoDB", MetricData=[throttled])
    said = project.run(*doctor).stdout
    what = "throttled by DynamoDB in 15 minutes: by-customer WriteKeyRangeThroughput 723 times"
    assert f"FAIL {what} -> docs/operate/huge-customers.md" in said


def test_a_stage_with_the_example_issuer_is_not_provisioned(project: Project) -> None:
    before = project.config("dev")["environment_variables"]["JWT_ISSUER"]
    name_issuer(project, "https://issuer.example.com")
    done = project.run("-m", "ordersctl", "provision", "--stage", "dev", "--yes")
    name_issuer(project, before)
    assert done.returncode == 1
    assert "JWT_ISSUER in .chalice/config.json is still https://issuer.example.com" in done.stderr


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"OrderQueueVisibility": "89"}, "OrderQueueVisibility: 89 is less than 90"),
        ({"ReplicaRegion": "us-east-1"}, "ReplicaRegion: us-east-1 is the region of the stage itself"),
    ],
)
def test_settings_that_contradict_each_other_are_not_provisioned(
    project: Project, parameters: dict[str, str], said: str
) -> None:
    path = project.directory / "infra" / "stages" / "dev.json"
    before = path.read_text()
    write_settings(project, "dev", **parameters)
    done = project.run("-m", "ordersctl", "provision", "--stage", "dev", "--yes")
    path.write_text(before)
    assert done.returncode == 1
    assert said in done.stderr


@pytest.fixture(scope="module")
def whole(project: Project) -> str:
    """A stage whose stack claims to contain functions and an API; the functions are missing."""
    write_settings(project, "whole", SampleSubscribers="false")
    template = templates.resources()
    template["Outputs"]["RestAPIId"] = {"Value": "a1b2c3"}
    stack = Stack(stage_on(project.engine_url, "whole").client("cloudformation"), "orders-whole", pause_seconds=0.1)
    parameters = {"Stage": "whole", "SampleSubscribers": "false"}
    plan = stack.plan({"TemplateBody": json.dumps(template, separators=(",", ":"))}, parameters, {})
    assert plan is not None
    stack.apply(plan)
    return "whole"


def test_a_stage_deployed_as_one_stack_is_not_provisioned(project: Project, whole: str) -> None:
    done = project.run("-m", "ordersctl", "provision", "--stage", whole, "--yes")
    assert done.returncode == 1
    assert "provisioning would remove its functions and its API" in done.stderr
    assert "ordersctl deploy --stage whole" in done.stderr
    assert stage_on(project.engine_url, whole).outputs()["RestAPIId"] == "a1b2c3"


def test_the_doctor_never_advises_to_provision_a_stage_deployed_as_one_stack(project: Project, whole: str) -> None:
    path = project.directory / "infra" / "stages" / f"{whole}.json"
    before = path.read_text()
    write_settings(project, whole, SampleSubscribers="false", LogRetention="7", OrderQueueVisibility="240")
    done = project.run("-m", "ordersctl", "doctor", "--stage", whole)
    path.write_text(before)
    remedy = "make package STAGE=whole, then ordersctl deploy --stage whole"
    assert f"FAIL orders-whole-process-orders is deployed -> {remedy}" in done.stdout
    assert "FAIL settings that are not those of infra/stages: " in done.stdout
    assert "ordersctl provision" not in done.stdout
    assert "chalice deploy" not in done.stdout


@pytest.fixture
def processor(project: Project) -> Iterator[str]:
    """A processor of stage dev outside of its stack, as `chalice deploy` makes it."""
    name = "orders-dev-process-orders"
    lambdas = stage_on(project.engine_url, "dev").client("lambda")
    lambdas.create_function(
        FunctionName=name,
        Timeout=15,
        Runtime="python3.12",
        Handler="app.nothing",
        Role="arn:aws:iam::000000000000:role/nobody",
        Code={"ZipFile": archive("app.py", "def nothing(event, context): pass")},
    )
    yield name
    lambdas.delete_function(FunctionName=name)


@pytest.mark.parametrize(("window", "mark"), [(30, "ok  "), (31, "FAIL")])
def test_the_doctor_adds_the_batching_window_to_the_required_visibility(
    window: int, mark: str, project: Project, processor: str
) -> None:
    stage = stage_on(project.engine_url, "dev")
    source = stage.client("lambda").create_event_source_mapping(
        FunctionName=processor,
        EventSourceArn="arn:aws:sqs:us-east-1:000000000000:orders-dev-queue",
        MaximumBatchingWindowInSeconds=window,
        Enabled=False,
    )
    done = project.run("-m", "ordersctl", "doctor", "--stage", "dev")
    stage.client("lambda").delete_event_source_mapping(UUID=source["UUID"])
    assert f"{mark} the order queue's visibility (120 s) is at least 6 x the processor's timeout (15 s)" in done.stdout


def test_the_doctor_counts_dead_letters_that_a_command_holds(project: Project) -> None:
    stage = stage_on(project.engine_url, "dev")
    sqs, url = stage.client("sqs"), stage.output("OrderDeadLetterQueueUrl")
    sqs.send_message(QueueUrl=url, MessageBody="a dead letter")
    (held,) = sqs.receive_message(QueueUrl=url, VisibilityTimeout=900)["Messages"]
    done = project.run("-m", "ordersctl", "doctor", "--stage", "dev")
    sqs.delete_message(QueueUrl=url, ReceiptHandle=held["ReceiptHandle"])
    assert "FAIL OrderDeadLetterQueue holds 1 dead letter -> ordersctl dlq list --stage dev" in done.stdout


@pytest.mark.usefixtures("processor")
def test_functions_that_the_stack_did_not_make_are_not_replaced(project: Project) -> None:
    path = project.directory / "infra" / "stages" / "dev.json"
    before = path.read_text()
    write_settings(project, "dev", JwtIssuer="https://issuer.orders.dev", JwtAudience="orders", JwtJwks="keys.json")
    directory = project.directory / "build" / "dev"
    directory.mkdir(parents=True)
    function = {"Type": "AWS::Serverless::Function", "Properties": {"Timeout": 15}}
    template = {"Parameters": templates.every_parameter(), "Resources": {"ProcessOrders": function}}
    (directory / "sam.json").write_text(json.dumps(template))
    done = project.run("-m", "ordersctl", "deploy", "--stage", "dev", "--yes")
    path.write_text(before)
    assert done.returncode == 1
    assert "stage dev was deployed by chalice deploy" in done.stderr
    assert "chalice delete --stage dev" in done.stderr


def archive(name: str, content: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(name, content)
    return buffer.getvalue()


def test_tuning_needs_deployed_functions(project: Project) -> None:
    done = project.run("-m", "ordersctl", "tune", "--stage", "dev")
    assert done.returncode == 1
    assert "orders-dev-process-orders has no event source mapping: chalice deploy --stage dev" in done.stderr


def test_a_policy_is_filled_in_as_cloudformation_would() -> None:
    policy = {
        "Statement": [
            {"Resource": {"Fn::Sub": "${OrderTable.Arn}/stream/*"}},
            {"Resource": {"Fn::Sub": "${OrderDeadLetterQueue.Arn}"}},
            {"Fn::If": ["WithOwnKey", {"Resource": {"Fn::Sub": "${Encryption}"}}, {"Ref": "AWS::NoValue"}]},
            {"Fn::If": ["WithTracing", {"Resource": "*"}, {"Ref": "AWS::NoValue"}]},
            {"Fn::If": ["WithDax", {"Resource": {"Fn::Sub": ["cache/${DaxCluster}", {}]}}, {"Ref": "AWS::NoValue"}]},
        ]
    }
    dax = "daxs://orders.x1y2z3.dax-clusters.eu-west-1.amazonaws.com:9111"
    key = "arn:aws:kms:eu-west-1:123456789012:key/1"
    assert filled_in(policy, "dev", OUTPUTS, {"Encryption": key, "DaxEndpoint": dax}) == {
        "Statement": [
            {"Resource": "arn:aws:dynamodb:eu-west-1:123456789012:table/orders-dev/stream/*"},
            {"Resource": "arn:aws:sqs:eu-west-1:123456789012:orders-dev-queue-dlq"},
            {"Resource": key},
            {"Resource": "cache/orders"},
        ]
    }


@pytest.mark.parametrize(
    ("parameters", "client"),
    [
        ({}, "thin"),
        ({"AwsClient": "botocore"}, "botocore"),
        ({"Tracing": "true"}, "botocore"),
        ({"Tracing": "true", "AwsClient": "thin"}, "botocore"),
    ],
)
def test_a_stage_with_tracing_calls_aws_by_botocore(parameters: dict[str, str], client: str, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(CHALICE_CONFIG.read_text())
    outputs = OUTPUTS | dict.fromkeys(templates.resources()["Outputs"].keys() - OUTPUTS.keys(), "-")
    record("dev", outputs, parameters, config)
    written = json.loads(config.read_text())["stages"]["dev"]
    assert written["environment_variables"]["AWS_CLIENT"] == client
    assert written["xray"] is ("Tracing" in parameters)
