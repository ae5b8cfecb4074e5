"""The embedded AWS engine (ministack) and the stack of a stage in it."""

import http.client
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from ordersctl.local.processes import Child
from ordersctl.shared.project import PROJECT_DIR

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_sqs import SQSClient

SERVICES = "cloudformation,dynamodb,dynamodbstreams,events,iam,secretsmanager,sns,sqs,sts"
HEALTH = "/_ministack/health"
TEMPLATE = PROJECT_DIR / "infra" / "resources.yaml"


def engine(port: int, state_dir: Path) -> Child:
    """Describe the engine's process."""
    return Child(
        name="engine",
        entry="ministack.app:main",
        args=(),
        environment={
            "BIND_HOST": "127.0.0.1",  # its own default is every interface
            "GATEWAY_PORT": str(port),
            "SERVICES": SERVICES,
            "IOT_MTLS_ENABLED": "0",  # else it listens for MQTT and SFTP too
            "SFTP_ENABLED": "0",
            "LOG_LEVEL": "WARNING",
            # No Docker here: it would look for containers of its kind, and remove them.
            "DOCKER_HOST": f"unix://{state_dir}/no-docker",
            "TMPDIR": str(state_dir),  # it leaves a pid file there
        },
        log=state_dir / "logs" / "engine.log",
    )


def client_options(endpoint_url: str) -> dict[str, Any]:
    """Return what boto3 clients need to reach the engine, whatever AWS profile or proxy the machine has."""
    from botocore.config import Config  # noqa: PLC0415 - slow to import, and `run` checks its ports first

    return {
        "endpoint_url": endpoint_url,
        "region_name": "us-east-1",
        "aws_access_key_id": "local",
        "aws_secret_access_key": "local",
        # An empty mapping means none; without it botocore would follow HTTP_PROXY even to 127.0.0.1.
        "config": Config(proxies={}, read_timeout=60, max_pool_connections=20),
    }


def deploy(endpoint_url: str, *, stage: str) -> dict[str, str]:
    """Create the stack `orders-<stage>` and return its outputs; ClickException if that fails."""
    import boto3  # noqa: PLC0415 - slow to import, see above
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    cloudformation: CloudFormationClient = boto3.client("cloudformation", **client_options(endpoint_url))
    name = f"orders-{stage}"
    parameters = {"Stage": stage, "DeletionProtection": "false"}
    try:
        cloudformation.create_stack(
            StackName=name,
            TemplateBody=TEMPLATE.read_text(),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        )
        waiter = cloudformation.get_waiter("stack_create_complete")
        waiter.wait(StackName=name, WaiterConfig={"Delay": 0, "MaxAttempts": 500})
    except (BotoCoreError, ClientError) as error:
        raise click.ClickException(f"the stack {name} cannot be created: {error}") from error
    outputs = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]
    return {output["OutputKey"]: output["OutputValue"] for output in outputs}


def set_visibility(endpoint_url: str, queue_url: str, seconds: int) -> None:
    """Set a queue's visibility timeout: shorter than the template, made for AWS, would have it."""
    import boto3  # noqa: PLC0415 - slow to import, see above

    sqs: SQSClient = boto3.client("sqs", **client_options(endpoint_url))
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"VisibilityTimeout": str(seconds)})


def get_json(url: str) -> dict[str, Any] | None:
    """GET a JSON object from a server on this machine; None if there is none. Knows no proxies."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=1)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}" if parts.query else parts.path)
        response = connection.getresponse()
        document = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return document if response.status == http.client.OK and isinstance(document, dict) else None
