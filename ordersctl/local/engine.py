"""The embedded AWS engine (ministack) and the stack of a stage in it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ordersctl.local.child_process import Child
from ordersctl.shared.engine_client import client_options
from ordersctl.shared.project import INFRA, log_dir

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_sqs import SQSClient

# ruff: noqa: PLC0415 - boto3 is slow to import, and `run` checks its ports first

SERVICES = "cloudformation,dynamodb,dynamodbstreams,events,iam,secretsmanager,sns,sqs,sts"
TEMPLATE = INFRA / "resources.yaml"
_KEEP_ALIVE_SECONDS = 75  # longer than any client of ours keeps an idle connection


def engine(port: int, state_dir: Path) -> Child:
    """Describe the engine's process."""
    return Child(
        name="engine",
        entry="ordersctl.local.engine:serve",
        args=(),
        environment={
            "BIND_HOST": "127.0.0.1",  # by default it listens on every interface
            "GATEWAY_PORT": str(port),
            "SERVICES": SERVICES,
            "IOT_MTLS_ENABLED": "0",  # without these it listens for MQTT and SFTP too
            "SFTP_ENABLED": "0",
            "LOG_LEVEL": "WARNING",
            # No Docker: the engine would look for containers of earlier engines, and remove them.
            "DOCKER_HOST": f"unix://{state_dir}/no-docker",
            "TMPDIR": str(state_dir),  # it leaves a pid file there
        },
        log=log_dir(state_dir) / "engine.log",
    )


def serve() -> None:
    """Serve the engine until ended, as BIND_HOST and GATEWAY_PORT say.

    Its own server, hypercorn, takes most of its CPU. uvicorn with httptools takes less than half of that, and with h11,
    where httptools is not installed, three quarters.
    """
    import uvicorn
    from ministack.app import app

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: object) -> None:
            del sig, frame
            os._exit(0)  # at once: nothing of its data is kept, and a client may wait for a message for 20 s

    host, port = os.environ["BIND_HOST"], int(os.environ["GATEWAY_PORT"])
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level=os.environ["LOG_LEVEL"].lower(),
        access_log=False,
        loop="asyncio",
        ws="none",
        proxy_headers=False,
        server_header=False,
        date_header=False,  # the engine writes its own
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
    )
    Server(config).run()


def deploy(endpoint_url: str, *, stage: str, customer_prices: str = "trusted") -> dict[str, str]:
    """Create the stack `orders-<stage>` and return its outputs; ClickException if that fails."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    cloudformation: CloudFormationClient = boto3.client("cloudformation", **client_options(endpoint_url))
    name = f"orders-{stage}"
    spread = os.environ.get("SPREAD_CUSTOMERS", "")  # which the functions read too
    parameters = {
        "Stage": stage,
        "DeletionProtection": "false",
        "CustomerPrices": customer_prices,
        "SpreadCustomers": spread,
    }
    try:
        create_stack(cloudformation, name, TEMPLATE, parameters)
        wait_for_stack(cloudformation, name)
    except (BotoCoreError, ClientError) as error:
        raise click.ClickException(f"the stack {name} cannot be created: {error}") from error
    outputs = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]
    return {output["OutputKey"]: output["OutputValue"] for output in outputs}


def create_stack(
    cloudformation: "CloudFormationClient", name: str, template: Path, parameters: Mapping[str, str]
) -> None:
    """Begin to create a stack in the engine; raises botocore's errors."""
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=template.read_text(),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    )


def wait_for_stack(cloudformation: "CloudFormationClient", name: str) -> None:
    """Wait until the engine has created a stack, which takes milliseconds; raises botocore's errors."""
    waiter = cloudformation.get_waiter("stack_create_complete")
    waiter.wait(StackName=name, WaiterConfig={"Delay": 0, "MaxAttempts": 500})


def set_visibility(endpoint_url: str, queue_url: str, seconds: int) -> None:
    """Set a queue's visibility timeout: the template's, made for AWS, is longer."""
    import boto3

    sqs: SQSClient = boto3.client("sqs", **client_options(endpoint_url))
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"VisibilityTimeout": str(seconds)})
