"""What comes before `chalice deploy`, and what looks at the result, on an engine."""

import json
from collections.abc import Iterator

import pytest

from chalicelib.settings import Settings
from ordersctl.provision import filled_in
from tests.deploy.project import Project, full_engine, stage_on

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
        copy.ordersctl("provision", "--stage", "dev", "--yes")
        yield copy


def test_what_was_made_is_written_down_so_that_the_service_starts(project: Project) -> None:
    written = project.config("dev")
    settings = Settings.from_env(written["environment_variables"])
    assert settings.order_queue_url.endswith("/orders-dev-queue")
    assert not settings.reports_batch_item_failures  # its mappings would not hear of it
    for function, own in written["lambda_functions"].items():
        policy = json.loads((project.directory / ".chalice" / own["iam_policy_file"]).read_text())
        assert f"orders-dev{'' if function == 'api_handler' else '-' + function}:*" in json.dumps(policy)
        assert "Fn::" not in json.dumps(policy)


def test_nothing_is_changed_when_the_answer_is_no(project: Project) -> None:
    path = project.directory / "infra" / "stages" / "dev.json"
    before = path.read_text()
    path.write_text(before.replace('"14"', '"7"'))
    done = project.run("-m", "ordersctl", "provision", "--stage", "dev")  # with no one there to answer
    path.write_text(before)
    assert done.returncode == 1
    assert "ApiLogGroup" in done.stdout
    groups = stage_on(project.engine_url, "dev").client("logs").describe_log_groups()["logGroups"]
    assert {group["retentionInDays"] for group in groups} == {14}


def test_the_doctor_says_that_nothing_is_deployed_and_what_to_do(project: Project) -> None:
    done = project.run("-m", "ordersctl", "doctor", "--stage", "dev")
    assert done.returncode == 1
    assert "ILL orders-dev-process-orders is deployed -> chalice deploy --stage dev" in done.stdout
    assert "ok  alarms that are missing: none" in done.stdout


def test_the_doctor_sees_a_setting_that_was_changed_since(project: Project) -> None:
    path = project.directory / "infra" / "stages" / "dev.json"
    before = path.read_text()
    path.write_text(before.replace('"14"', '"7"'))
    done = project.run("-m", "ordersctl", "doctor", "--stage", "dev")
    path.write_text(before)
    assert "ILL settings that are not those of infra/stages: LogRetention" in done.stdout


def test_tuning_needs_something_to_tune(project: Project) -> None:
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
