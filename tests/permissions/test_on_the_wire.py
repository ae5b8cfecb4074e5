"""The whole pipeline on the embedded engine, where a proxy refuses what a role's policy does not allow."""

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from ordersctl.deploy.chalice_config import variable
from ordersctl.local.engine import deploy
from ordersctl.shared.engine_client import client_options
from ordersctl.shared.project import PROJECT_DIR
from ordersctl.shared.streams import lambda_record
from ordersctl.shared.templates import Template
from testkit.api_client import Answer, ApiClient
from testkit.builders import CUSTOMER, new_order
from testkit.fake_aws.lambda_ import copied
from testkit.lambda_events import LambdaContext
from testkit.permissions.judge import Permission
from testkit.permissions.reasons import API, PROCESSOR, PUBLISHER
from testkit.permissions.stack import DeployedStack
from testkit.tokens import AUDIENCE, ISSUER
from tests.permissions.enforcing_proxy import EnforcingProxy, enforcing
from tests.service.harness import NOT_OURS

if TYPE_CHECKING:
    from types import ModuleType

_STAGE = "iam"
_ADMIN = "orders/admin orders/read orders/service"


class Pipeline:
    """The functions, each with its role's access key; and Lambda, which reads queue and stream with the same roles."""

    def __init__(self, proxy: EnforcingProxy, environment: dict[str, str], patch: pytest.MonkeyPatch) -> None:
        self.proxy, self.environment, self.patch = proxy, environment, patch
        self.functions: dict[str, ModuleType] = {}
        self._as(API)  # imports read the environment
        for name in (API, PROCESSOR, PUBLISHER):
            self.functions[name] = copied("app", PROJECT_DIR / "app.py")
            vars(self.functions[name])["wiring"] = copied("chalicelib.wiring", PROJECT_DIR / "chalicelib" / "wiring.py")

    def _as(self, role: str) -> None:
        """Clients are made at a function's first invocation, with the credentials that are there then."""
        self.patch.setenv("AWS_ACCESS_KEY_ID", role)

    def request(self, method: str, path: str, value: Any = None, scope: str = "", **headers: str) -> Answer:
        self._as(API)
        client = ApiClient(self.functions[API].app, **({"scope": scope} if scope else {}))
        body = None if value is None else json.dumps(value)
        return client.call(method, path, body, **{"Content_Type": "application/json", **headers})

    def lambda_reads_the_queue(self) -> Any:
        self._as(PROCESSOR)
        url = self.environment["ORDER_QUEUE_URL"]
        sqs = self._client("sqs", PROCESSOR)
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0)["Messages"]
        records = [
            {"messageId": each["MessageId"], "receiptHandle": each["ReceiptHandle"], "body": each["Body"]}
            | {"attributes": {}, "messageAttributes": {}, "eventSource": "aws:sqs"}
            for each in messages
        ]
        report = self.functions[PROCESSOR].process_orders({"Records": records}, LambdaContext())
        failed = {each["itemIdentifier"] for each in report["batchItemFailures"]}
        done = [{"Id": each["messageId"], "ReceiptHandle": each["receiptHandle"]} for each in records]
        if entries := [each for each in done if each["Id"] not in failed]:
            sqs.delete_message_batch(QueueUrl=url, Entries=entries)
        return report

    def lambda_reads_the_stream(self) -> Any:
        self._as(PUBLISHER)
        streams = self._client("dynamodbstreams", PUBLISHER)
        (found,) = streams.list_streams(TableName=self.environment["ORDER_TABLE"])["Streams"]
        arn = found["StreamArn"]
        (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records = streams.get_records(ShardIterator=iterator)["Records"]
        event = {"Records": [lambda_record(dict(record), arn) for record in records]}
        return self.functions[PUBLISHER].publish_events(event, LambdaContext())

    def _client(self, service: str, role: str) -> Any:
        options = client_options(self.proxy.url) | {"aws_access_key_id": role}
        return boto3.client(service, **options)  # type: ignore[call-overload]  # a name that is not literal


@pytest.fixture
def pipeline(
    engine_url: str,
    template: Template,
    aws_client: str,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[Pipeline]:
    stage = f"{_STAGE}-{re.sub('[^a-z]+', '', request.node.name.split('_', 1)[1])[-12:]}"
    outputs = deploy(engine_url, stage=stage)
    environment = {variable(name): value for name, value in outputs.items()} | {
        "STAGE": stage,
        "AWS_CLIENT": aws_client,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
        "JWT_ISSUER": ISSUER,
        "JWT_AUDIENCE": AUDIENCE,
        "JWT_JWKS": "no-jwks.json",
        "REPORT_BATCH_ITEM_FAILURES": "1",
    }
    with enforcing(engine_url, DeployedStack(template, {"Stage": stage}), environment) as proxy:
        for name in NOT_OURS:
            monkeypatch.delenv(name, raising=False)
        for name, value in {**environment, "AWS_ENDPOINT_URL": proxy.url}.items():
            monkeypatch.setenv(name, value)
        yield Pipeline(proxy, environment, monkeypatch)


@pytest.mark.parametrize("aws_client", ["thin", pytest.param("botocore", marks=pytest.mark.full)])
def test_an_order_goes_from_the_api_to_the_topic_with_the_roles_permissions_only(pipeline: Pipeline) -> None:
    placed = pipeline.request("POST", "/orders", new_order(), Idempotency_Key="wire-1")
    assert placed.status == 202
    order_id = placed.json["order_id"]
    assert pipeline.lambda_reads_the_queue() == {"batchItemFailures": []}
    assert pipeline.request("GET", f"/orders/{order_id}").json["status"] == "placed"
    assert pipeline.request("GET", f"/orders?order_id={order_id}").status == 200
    assert len(pipeline.request("GET", f"/customers/{CUSTOMER}/orders").json["orders"]) == 1
    assert pipeline.request("PATCH", f"/orders/{order_id}", {"note": "é"}, If_Match='"1"').status == 200
    assert pipeline.request("DELETE", f"/orders/{order_id}?customer_id={CUSTOMER}", scope=_ADMIN).status == 204
    assert pipeline.lambda_reads_the_stream() == {"batchItemFailures": []}
    assert pipeline.proxy.refused == set()
    seen = {(call.function, call.action) for call in pipeline.proxy.allowed}
    granted = {(each.function, each.action) for each in pipeline.proxy.granted if each.function != "DirectAcceptRole"}
    quarantine = {(PROCESSOR, "sqs:SendMessage"), (PUBLISHER, "sqs:SendMessage")}
    assert granted - seen - quarantine == {each for each in granted if each[1].startswith("logs:")}


@pytest.mark.parametrize("aws_client", ["thin"])
def test_without_a_permission_the_pipeline_stops_where_it_was_needed(pipeline: Pipeline) -> None:
    withdraw(pipeline, API, "sqs:SendMessage")
    assert pipeline.request("POST", "/orders", new_order()).status == 503
    withdraw(pipeline, PROCESSOR, "dynamodb:PutItem")
    assert pipeline.request("POST", "/orders", new_order()).status == 202
    assert len(pipeline.lambda_reads_the_queue()["batchItemFailures"]) == 1
    assert {(call.function, call.action) for call in pipeline.proxy.refused} == {
        (API, "sqs:SendMessage"),
        (PROCESSOR, "dynamodb:PutItem"),
    }


def withdraw(pipeline: Pipeline, function: str, action: str) -> None:
    (found,) = (each for each in pipeline.proxy.granted if (each.function, each.action) == (function, action))
    pipeline.proxy.withdrawn = Permission(*found)
