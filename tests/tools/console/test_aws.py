"""The console of a stage on AWS, as the engine's CloudWatch, Logs and Lambda emulate it."""

import io
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from playwright.sync_api import Browser, expect

from ordersctl.console.sources import LiveTail
from ordersctl.local.engine import SERVICES, deploy
from ordersctl.shared.engine_client import client_options
from ordersctl.shared.stage import Stage
from testkit.servers import processes
from testkit.servers.engine import running_engine
from testkit.waiting import eventually, free_port

pytestmark = pytest.mark.full  # CloudWatch, Logs and Lambda in an engine of their own

PROCESSOR = "orders-dev-process-orders"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an engine with stage dev, whose processor is a Lambda function."""
    with running_engine(tmp_path_factory.mktemp("aws"), f"{SERVICES},logs,monitoring,cloudwatch,lambda") as url:
        outputs = deploy(url, stage="dev")
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("app.py", "def handler(event, context): return {'batchItemFailures': []}")
        queue = client(url, "sqs").get_queue_attributes(QueueUrl=outputs["OrderQueueUrl"], AttributeNames=["QueueArn"])
        client(url, "lambda").create_function(
            FunctionName=PROCESSOR,
            Runtime="python3.11",
            Handler="app.handler",
            Role="arn:aws:iam::000000000000:role/r",
            Code={"ZipFile": archive.getvalue()},
        )
        client(url, "lambda").create_event_source_mapping(
            FunctionName=PROCESSOR, EventSourceArn=queue["Attributes"]["QueueArn"], Enabled=False
        )
        yield url


def client(url: str, service: Any) -> Any:
    return boto3.client(service, **client_options(url))


def environment(url: str) -> dict[str, str]:
    return {
        **os.environ,
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "PYTHONUNBUFFERED": "1",
    }


@pytest.fixture
def console(aws: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a console of stage dev, with the options that the test names."""
    output = tmp_path / "printed.txt"
    options = ["--stage", "dev", "--port", str(free_port()), *getattr(request, "param", [])]
    with (
        output.open("wb") as file,
        processes.running(
            [sys.executable, "-m", "ordersctl", "console", *options],
            lambda: "key=" in output.read_text(),
            stdout=file,
            env=environment(aws),
        ),
    ):
        yield output.read_text().split()[-1]


def test_it_shows_the_stage_and_only_looks(aws: str, console: str, browser: Browser) -> None:
    now = datetime.now(UTC)
    for name, values in (("Accepted", [1] * 30), ("PlacedAfter", [120, 240])):
        data = [{"MetricName": name, "Timestamp": now - timedelta(minutes=2), "Value": value} for value in values]
        client(aws, "cloudwatch").put_metric_data(Namespace="Orders/dev", MetricData=data)
    sqs = client(aws, "sqs")
    letters = sqs.get_queue_url(QueueName="orders-dev-queue-dlq")["QueueUrl"]
    reason = {"reason": {"DataType": "String", "StringValue": "not JSON"}}
    sqs.send_message(QueueUrl=letters, MessageBody="x", MessageAttributes=reason)
    page = browser.new_page()
    page.goto(console)
    expect(page.get_by_text("stage dev")).to_be_visible()
    expect(page.get_by_text("looking only")).to_be_visible()
    expect(page.locator('[data-station="processor"] .note')).to_have_text("disabled")
    expect(page.get_by_text("p95: placed 234 ms")).to_be_visible()
    expect(page.locator('[data-station="api"] .number')).to_have_text("30")
    expect(page.locator('[data-station="reader:invoicing"] .number')).to_have_text("\u2013")
    expect(page.get_by_text("1 dead letter", exact=True)).to_be_visible()
    for name in ("Place an order", "Burst of 100", "Poison a message", "Resume processor", "Redrive"):
        assert page.get_by_role("button", name=name).count() == 0
    page.get_by_role("button", name="List by reason").click()
    expect(page.locator("#dead")).to_contain_text("not JSON")
    expect(page.get_by_role("log")).to_contain_text("ordersctl dlq list --limit 1000 --json --stage dev")
    page.close()
    sqs.purge_queue(QueueUrl=letters)


@pytest.mark.parametrize("console", [["--allow-changes"]], indirect=True)
def test_with_allow_changes_an_act_asks_for_the_stages_name(aws: str, console: str, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(console)
    page.get_by_role("button", name="Resume processor").first.click()
    expect(page.get_by_role("log")).to_contain_text("Type the name of the stage to confirm.")
    assert state(aws) == "Disabled"
    page.get_by_label("type the stage").fill("dev")
    page.get_by_role("button", name="Resume processor").first.click()
    expect(page.get_by_role("log")).to_contain_text("ordersctl resume processor --yes --stage dev")
    eventually(lambda: state(aws) == "Enabled")
    page.close()
    paused = ordersctl(aws, "pause", "processor", "--yes", "--stage", "dev")
    assert paused.stdout == "processor: paused\n"
    eventually(lambda: state(aws) == "Disabled")
    assert ordersctl(aws, "pause", "processor", "--stage", "dev").returncode == 1  # nobody says yes
    assert "no function" in ordersctl(aws, "pause", "publisher", "--yes", "--stage", "dev").stderr
    rows = json.loads(ordersctl(aws, "queues", "--json", "--stage", "dev").stdout)["queues"]
    assert {row["full_name"]: row["state"] for row in rows}["orders-dev-queue"] == "disabled"


def test_a_profile_that_is_not_there_is_one_clear_line(aws: str) -> None:
    refused = ordersctl(aws, "console", "--stage", "dev", "--profile", "nobody")
    assert (refused.returncode, "nobody" in refused.stderr, "Traceback" in refused.stderr) == (1, True, False)


def ordersctl(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ordersctl", *arguments]
    return subprocess.run(  # noqa: S603 - our own command
        command, env=environment(url), capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


def state(url: str) -> str:
    (mapping,) = client(url, "lambda").list_event_source_mappings(FunctionName=PROCESSOR)["EventSourceMappings"]
    return str(mapping["State"])


def test_what_is_refused_on_aws_is_refused_by_the_server_too(aws: str, console: str) -> None:
    with httpx.Client(trust_env=False) as http:
        origin, _, key = console.partition("/#key=")
        headers = {"Authorization": f"Bearer {key}", "Origin": origin, "Sec-Fetch-Site": "same-origin"}
        for act in ("place", "poison", "resume"):
            asked = {"act": act, "target": "processor", "stage": "dev"}
            answer = http.post(f"{origin}/acts", headers=headers, json=asked)
            assert (answer.status_code, answer.json()["ok"]) == (403, False)
    assert state(aws) == "Disabled"


def test_the_live_tail_has_the_lines_of_the_stages_functions(aws: str) -> None:
    logs = client(aws, "logs")
    for group in ("/aws/lambda/orders-dev", "/aws/lambda/orders-dev2"):
        logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName="s")
    options = client_options(aws)
    # AWS serves the live tail at a name of its own, streaming-logs; the engine has one name for everything.
    options["config"] = options["config"].merge(Config(inject_host_prefix=False))
    tail = LiveTail(Stage("dev", boto3.Session(), options))
    found: list[tuple[str, dict[str, Any]]] = []

    def comes() -> bool:
        for group in ("/aws/lambda/orders-dev2", "/aws/lambda/orders-dev"):
            for message in ("no JSON", json.dumps({"event": "order.accepted", "order_id": group})):
                events = [{"timestamp": int(time.time() * 1_000), "message": message}]
                logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
        found.extend(tail.lines())
        return bool(found)

    eventually(comes)
    tail.close()
    assert {(where, line["event"], line["order_id"]) for where, line in found} == {
        ("orders-dev", "order.accepted", "/aws/lambda/orders-dev")
    }
