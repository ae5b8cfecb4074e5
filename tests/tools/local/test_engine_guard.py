"""Who may ask the engine what: a program on this machine, for the local run's services; no page, and no code."""

import http.client
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import boto3
import pytest
from botocore.exceptions import ClientError, WaiterError

from ordersctl.local.engine import wait_for_stack
from ordersctl.shared.engine_client import HEALTH, MESSAGES, client_options

QUEUE = "guarded-queue"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
Reply = tuple[int, str, dict[str, str]]


def ask(url: str, method: str, path: str, headers: Mapping[str, str] | None = None, body: str | None = None) -> Reply:
    """Send a request with exactly these headers, and Host and Content-Length if they are missing."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


def call(url: str, headers: Mapping[str, str], *, path: str = "/") -> Reply:
    """Create a queue by a form, which needs no preflight from a page."""
    form = {"Action": "CreateQueue", "QueueName": QUEUE, "Version": "2012-11-05"}
    return ask(url, "POST", path, {**FORM, **headers}, urlencode(form))


def has_queue(url: str) -> bool:
    found = boto3.client("sqs", **client_options(url)).list_queues(QueueNamePrefix=QUEUE)
    return bool(found.get("QueueUrls"))


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://shop.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8000"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Mode": "no-cors"},
        {"Host": "shop.example"},
        {"Host": "shop.example:4566"},
        {"Host": "127.0.0.1.shop.example"},
        {"Host": "localhost.shop.example:4566"},
        {"Host": "127.0.0.1@shop.example"},
        {"Host": "localhost:"},
        {"Host": "queue.localhost"},
        {"Host": ""},
    ],
    ids=str,
)
def test_what_a_page_sends_is_refused(engine_url: str, headers: dict[str, str]) -> None:
    status, body, answered = call(engine_url, headers)
    assert (status, answered["content-type"]) == (403, "text/plain; charset=utf-8")
    assert body.startswith("The engine answers ")
    assert not [name for name in answered if name.startswith("access-control-")]
    assert not has_queue(engine_url)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("OPTIONS", "/"),
        ("GET", f"/?Action=CreateQueue&QueueName={QUEUE}"),
        ("PUT", "/bucket/key"),
        ("POST", "/2015-03-31/functions"),
        ("POST", "/_ministack/reset"),
        ("POST", "/%5Fministack/reset"),
        ("POST", "/_ministack/config"),
        ("PUT", "/_ministack/cfn-response/token"),
        ("GET", "/_ministack/ses/messages"),
        ("GET", "/_localstack/health"),
        ("POST", "/v2/email/identities"),
        ("POST", "/Execute"),
        ("GET", f"{HEALTH}/"),
    ],
)
def test_what_the_local_run_does_not_have_is_refused(engine_url: str, method: str, path: str) -> None:
    sqs = boto3.client("sqs", **client_options(engine_url))
    kept = sqs.create_queue(QueueName="kept")["QueueUrl"]
    status, body, _ = ask(engine_url, method, path, body="" if method == "POST" else None)
    assert (status, body.endswith("AWS's calls are sent by POST.\n")) == (403, True)
    assert sqs.get_queue_url(QueueName="kept")["QueueUrl"] == kept
    assert not has_queue(engine_url)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:9", "[::1]:4566"])
def test_a_program_on_this_machine_is_answered_without_a_signature(engine_url: str, host: str) -> None:
    target = {"X-Amz-Target": "AmazonSQS.ListQueues", "Content-Type": "application/x-amz-json-1.0"}
    status, body, answered = ask(engine_url, "POST", "/", {**target, "Host": host}, "{}")
    assert (status, json.loads(body).keys() <= {"QueueUrls"}) == (200, True)
    assert not [name for name in answered if name.startswith("access-control-")]
    assert ask(engine_url, "GET", HEALTH, {"Host": host})[0] == 200
    assert ask(engine_url, "GET", f"{MESSAGES}?QueueUrl=x", {"Host": host})[0] == 200


def test_a_queue_is_reached_at_its_own_address_too(engine_url: str) -> None:
    sqs = boto3.client("sqs", **client_options(engine_url))
    queue = sqs.create_queue(QueueName="addressed.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    form = urlencode({"Action": "GetQueueAttributes", "AttributeName.1": "All", "Version": "2012-11-05"})
    assert ask(engine_url, "POST", urlsplit(queue).path, FORM, form)[0] == 200


def function(marker: Path) -> dict[str, Any]:
    """A function that would leave a file."""
    code = f"def handler(event, context):\n    open({str(marker)!r}, 'w').close()\n"
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": "python3.11",
            "Handler": "index.handler",
            "Role": "arn:aws:iam::000000000000:role/r",
            "Code": {"ZipFile": code},
        },
    }


def called(kind: str) -> dict[str, Any]:
    return {"Type": kind, "Properties": {"ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]}, "ServiceTimeout": 1}}


SAM = {"Runtime": "python3.11", "Handler": "index.handler", "InlineCode": "x = 1"}
WITH_CODE: dict[str, Callable[[Path], dict[str, Any]]] = {
    "function": lambda marker: {"Function": function(marker)},
    "called": lambda marker: {"Function": function(marker), "Call": called("Custom::Call")},
    "called-by-aws": lambda marker: {
        "Function": function(marker),
        "Call": called("AWS::CloudFormation::CustomResource"),
    },
    "sam": lambda _marker: {"Function": {"Type": "AWS::Serverless::Function", "Properties": SAM}},
    "task": lambda _marker: {"Task": {"Type": "AWS::ECS::TaskDefinition", "Properties": {}}},
}


@pytest.mark.parametrize("name", WITH_CODE)
def test_no_stack_has_what_runs_code(engine_url: str, tmp_path: Path, name: str) -> None:
    cloudformation = boto3.client("cloudformation", **client_options(engine_url))
    marker = tmp_path / "ran"
    template: dict[str, Any] = {"Resources": WITH_CODE[name](marker)}
    if name == "sam":
        template["Transform"] = "AWS::Serverless-2016-10-31"
    with pytest.raises((ClientError, WaiterError)):
        create(cloudformation, json.dumps(template))
    assert not marker.exists()
    cloudformation.delete_stack(StackName="code")


def create(cloudformation: Any, template: str) -> None:
    """Create a stack with every capability that a caller may give; raises botocore's errors."""
    every = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
    cloudformation.create_stack(StackName="code", TemplateBody=template, Capabilities=every)
    wait_for_stack(cloudformation, "code")
