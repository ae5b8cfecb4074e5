"""Commands on a deployed stage: CloudWatch's metrics and logs and Lambda's mappings, as the engine emulates them."""

import io
import json
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from ordersctl.local.engine import SERVICES, deploy
from ordersctl.shared.engine_client import client_options
from testkit import builders
from testkit.servers.engine import running_engine
from tests.tools.operate.stage import OperatedStage

pytestmark = pytest.mark.full  # CloudWatch and Lambda in an engine of their own

STAGE = ("--stage", "dev", "--region", "us-east-1")
PUBLISHER = "orders-dev-publish-events"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatedStage]:
    """A stage that is not the local one."""
    state_dir = tmp_path_factory.mktemp("aws")
    with running_engine(state_dir, f"{SERVICES},logs,monitoring,cloudwatch,lambda") as url:
        deploy(url, stage="dev")
        stage = OperatedStage(url, state_dir)
        stage.environment |= {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1,localhost",
        }
        yield stage


def client(aws: OperatedStage, service: Any) -> Any:
    return boto3.client(service, **client_options(aws.environment["AWS_ENDPOINT_URL"]))


def put_metric(aws: OperatedStage, namespace: str, name: str, value: float, **dimensions: str) -> None:
    data = {
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": text} for key, text in dimensions.items()],
        "Timestamp": datetime.now(UTC),
        "Value": value,
    }
    client(aws, "cloudwatch").put_metric_data(Namespace=namespace, MetricData=[data])


def log(aws: OperatedStage, group: str, *, timed: bool = True, **line: str) -> None:
    logs = client(aws, "logs")
    names = {each["logGroupName"] for each in logs.describe_log_groups()["logGroups"]}
    if group not in names:
        logs.create_log_group(logGroupName=group)
    stream = f"stream-{time.time_ns()}"
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    now = datetime.now(UTC)
    time_of_its_own = {"time": now.isoformat(timespec="milliseconds"), "level": "INFO"} if timed else {}
    message = json.dumps({**time_of_its_own, **line})
    logs.put_log_events(
        logGroupName=group,
        logStreamName=stream,
        logEvents=[{"timestamp": int(now.timestamp() * 1_000), "message": message}],
    )


def orders_state(found: Any) -> str:
    return next(str(row["state"]) for row in found["queues"] if row["queue"] == "orders")


def test_ages_and_lag_come_from_cloudwatch(aws: OperatedStage) -> None:
    aws.sqs.send_message(QueueUrl="http://localhost:4566/000000000000/orders-dev-queue", MessageBody="a")
    put_metric(aws, "AWS/SQS", "ApproximateAgeOfOldestMessage", 77, QueueName="orders-dev-queue")
    table = aws.dynamodb.describe_table(TableName="orders-dev")["Table"]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("app.py", "def handler(event, context): return {'batchItemFailures': []}")
    functions = client(aws, "lambda")
    functions.create_function(
        FunctionName=PUBLISHER,
        Runtime="python3.11",
        Handler="app.handler",
        Role="arn:aws:iam::000000000000:role/r",
        Code={"ZipFile": archive.getvalue()},
    )
    version = functions.publish_version(FunctionName=PUBLISHER)["Version"]
    functions.create_alias(FunctionName=PUBLISHER, Name="live", FunctionVersion=version)
    functions.create_event_source_mapping(
        FunctionName=f"{PUBLISHER}:live",  # as packaged stages have it
        EventSourceArn=table["LatestStreamArn"],
        StartingPosition="TRIM_HORIZON",
        Enabled=False,
    )
    put_metric(aws, "AWS/Lambda", "IteratorAge", 42_000, FunctionName=PUBLISHER)
    found = aws.json("queues", *STAGE)
    oldest = {row["full_name"]: row["oldest"] for row in found["queues"]}
    assert oldest["orders-dev-queue"] == 77
    assert oldest["orders-dev-queue-dlq"] is None
    assert orders_state(found) == "nobody consumes", "no function reads the queue, and no program has lately"
    put_metric(aws, "AWS/SQS", "NumberOfEmptyReceives", 3, QueueName="orders-dev-queue")
    assert orders_state(aws.json("queues", *STAGE)) == ""
    put_metric(aws, "AWS/SQS", "ApproximateAgeOfOldestMessage", 999, QueueName="orders-dev-queue")
    assert orders_state(aws.json("queues", *STAGE)) == "stuck"
    (reader,) = found["stream"]
    assert (reader["reader"], reader["records"], reader["lag"], reader["state"]) == (PUBLISHER, None, 42.0, "Disabled")
    refused = aws.run("replay", "--since", "2026-01-01", "--yes", *STAGE)
    assert (refused.exit_code, "the publisher is behind: " in refused.output) == (1, True)
    assert "Disabled" in refused.output


def test_a_trace_joins_the_functions_logs_by_order_and_correlation_id(aws: OperatedStage) -> None:
    order_id, other = builders.fresh_order_id(), builders.fresh_order_id()
    log(aws, "/aws/lambda/orders-dev", event="order.accepted", order_id=order_id, correlation_id="c-1")
    log(aws, "/aws/lambda/orders-dev-process-orders", event="request.seen", correlation_id="c-1")
    log(aws, "/aws/lambda/orders-dev-process-orders", event="order.placed", order_id=other, correlation_id="c-2")
    log(aws, "/aws/lambda/orders-dev2", event="order.accepted", order_id=order_id, correlation_id="c-1")
    consumer = {"event": "inventory.handled", "order_id": order_id, "correlation_id": "c-1"}
    log(aws, "/aws/lambda/orders-inventory-dev-take-in", timed=False, **consumer)
    log(aws, "/aws/lambda/orders-inventory-dev2-take-in", timed=False, **consumer)
    rows = aws.json("trace", order_id, *STAGE)
    assert [(row["where"], row["what"]) for row in rows] == [
        ("orders-dev", "order.accepted"),
        ("orders-dev-process-orders", "request.seen"),
        ("orders-inventory-dev-take-in", "inventory.handled"),
    ]
    assert rows[-1]["time"].endswith("Z"), "a line without a time has that of its log event"


def test_what_dynamodb_throttles_is_shown_with_its_reason(aws: OperatedStage) -> None:
    assert aws.json("queues", *STAGE)["throttled"] == []
    index = {"TableName": "orders-dev", "GlobalSecondaryIndexName": "by-customer"}
    for events in (700, 23):
        put_metric(aws, "AWS/DynamoDB", "WriteKeyRangeThroughputThrottleEvents", events, **index)
    put_metric(aws, "AWS/DynamoDB", "ReadAccountLimitThrottleEvents", 5, TableName="orders-dev")
    assert aws.json("queues", *STAGE)["throttled"] == [
        {"resource": "by-customer", "reason": "WriteKeyRangeThroughput", "events": 723},
        {"resource": "table", "reason": "ReadAccountLimit", "events": 5},
    ]
    assert "WriteKeyRangeThroughput" in aws.run("queues", *STAGE).stdout
