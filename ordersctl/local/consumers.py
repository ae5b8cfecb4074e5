"""`ordersctl consumer NAME`: one of examples/ in the local run, driven as Lambda would."""

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import boto3
import click
from botocore.exceptions import BotoCoreError, ClientError
from chalice.app import SQSEventConfig
from chalice.cli.factory import CLIFactory

from ordersctl.local.engine import client_options
from ordersctl.local.event_sources.invocation import Function
from ordersctl.local.event_sources.sqs import QueueMapping
from ordersctl.shared.project import PROJECT_DIR, engine_url

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_sqs import SQSClient

EXAMPLES = PROJECT_DIR / "examples"
NAMES = ("inventory", "invoicing", "fulfilment")
TIMEOUT_SECONDS = 5
_PAUSE_SECONDS = 1.0


@click.command("consumer")
@click.argument("name", type=click.Choice(NAMES))
def consumer(name: str) -> None:
    """Drive a sample consumer until stopped; its API is ORDERS_API_URL, its token ORDERS_TOKEN."""
    app = CLIFactory(str(EXAMPLES / name), environ=os.environ).create_config_obj("local").chalice_app
    make_inbox(engine_url(), os.environ["INBOX_TABLE"])
    sqs: SQSClient = boto3.client("sqs", **client_options(engine_url()))
    (source,) = app.event_sources
    assert isinstance(source, SQSEventConfig)  # noqa: S101 - they all are
    mapping = QueueMapping(
        sqs=sqs,
        queue_url=sqs.get_queue_url(QueueName=os.environ["QUEUE_NAME"])["QueueUrl"],
        queue_arn=f"arn:aws:sqs:us-east-1:000000000000:{os.environ['QUEUE_NAME']}",
        function=Function(
            name=name,
            handler=app.handler_map[source.name],
            reports_failures=False,
            timeout_seconds=TIMEOUT_SECONDS,
        ),
        report=lambda line: print(line, flush=True),
        batch_size=source.batch_size,
        wait_seconds=1,
    )
    while True:
        try:
            mapping.poll()
        except (BotoCoreError, ClientError) as error:
            print(f"the engine does not answer, trying again: {type(error).__name__}", flush=True)
            time.sleep(_PAUSE_SECONDS)  # who cannot be reached cannot say when it can be


def make_inbox(endpoint_url: str, table: str) -> None:
    """Have a consumer's table in the engine, by the template that AWS would have it from."""
    cloudformation: CloudFormationClient = boto3.client("cloudformation", **client_options(endpoint_url))
    with suppress(cloudformation.exceptions.AlreadyExistsException):  # the consumer ended, and is started again
        cloudformation.create_stack(
            StackName=table,
            TemplateBody=(EXAMPLES / "inbox.yaml").read_text(),
            Parameters=[{"ParameterKey": "TableName", "ParameterValue": table}],
        )
    waiter = cloudformation.get_waiter("stack_create_complete")
    waiter.wait(StackName=table, WaiterConfig={"Delay": 0, "MaxAttempts": 500})
