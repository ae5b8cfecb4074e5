"""The embedded AWS engine (ministack) and the stack of a stage in it."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from ordersctl.local.child_process import Child
from ordersctl.shared.engine_client import HEALTH, MESSAGES, client_options
from ordersctl.shared.project import INFRA, log_dir
from ordersctl.shared.runs.own_host import is_own

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_sqs import SQSClient
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# ruff: noqa: PLC0415 - boto3 is slow to import, and `run` checks its ports first

SERVICES = "cloudformation,dynamodb,dynamodbstreams,events,iam,secretsmanager,sns,sqs,sts"
TEMPLATE = INFRA / "resources.yaml"
# What a stack may have: what our own templates have. None of it runs code, as a Lambda function in the engine would.
RESOURCE_TYPES = {
    "AWS::DynamoDB::GlobalTable",
    "AWS::DynamoDB::Table",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::Queue",
    "AWS::SQS::QueuePolicy",
    "AWS::SecretsManager::Secret",
}
# AWS's calls go to "/", and SQS's also to a queue's address. Behind other paths the engine has services beyond those of
# SERVICES, and its own controls: POST /_ministack/reset empties every table.
_CALLS = re.compile(r"/|/[0-9]{12}/[A-Za-z0-9_.-]{1,80}")
_READS = {HEALTH, MESSAGES}
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


def serve(*, everything: bool = False) -> None:
    """Serve the engine until ended, as BIND_HOST and GATEWAY_PORT say; never to a page in a browser.

    `everything` also serves what runs code: Lambda, and stacks of any resources. The local run never asks for it.

    Its own server, hypercorn, takes most of its CPU. uvicorn with httptools takes less than half of that, and with h11,
    where httptools is not installed, three quarters.
    """
    import uvicorn
    from ministack.app import app

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: object) -> None:
            del sig, frame
            os._exit(0)  # at once: nothing of its data is kept, and a client may wait for a message for 20 s

        async def main_loop(self) -> None:
            # uvicorn's looks ten times a second whether it should end, which handle_exit sees to: an engine that nobody
            # asks took 2 % of a core.
            await self.on_tick(0)
            await asyncio.Event().wait()

    if not everything:
        _run_no_code()
    host, port = os.environ["BIND_HOST"], int(os.environ["GATEWAY_PORT"])
    config = uvicorn.Config(
        _guarded(app, everything=everything),
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


def _guarded(app: "ASGIApp", *, everything: bool) -> "ASGIApp":
    """Put a guard before the engine, which answers anybody and permits every page to read its responses (CORS).

    A page can send such a request without asking (a "simple" one), so it is refused before the engine sees it.
    """

    async def guarded(scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] == "http" and (why := _refusal(scope, everything=everything)):
            body = why.encode()
            headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return

        async def send_without_cors(message: "Message") -> None:
            if message["type"] == "http.response.start":
                kept = [each for each in message["headers"] if not each[0].lower().startswith(b"access-control-")]
                message["headers"] = kept
            await send(message)

        await app(scope, receive, send_without_cors)

    return guarded


def _refusal(scope: "Scope", *, everything: bool) -> str | None:
    """Return why a request is refused; None for one of a program on this machine for what the local run has."""
    hosts = []
    for name, value in scope["headers"]:
        if name == b"host":
            hosts.append(value.decode("latin-1"))
        elif name == b"origin" or name.startswith(b"sec-fetch-"):  # browsers add one to each request, programs neither
            return "The engine answers no page in a browser.\n"
    if len(hosts) != 1 or not is_own(hosts[0]):
        return "The engine answers at 127.0.0.1 and localhost only.\n"
    method, path = scope["method"], scope["path"]
    # No call by GET: an image's address would be one, which older browsers fetch without either header.
    if everything or (method == "POST" and _CALLS.fullmatch(path)) or (method == "GET" and path in _READS):
        return None
    return f"The engine of the local run takes no {method} {path}: AWS's calls are sent by POST.\n"


def _run_no_code() -> None:
    """Take out of the engine what runs a caller's code: its stacks could have functions, whatever SERVICES says."""
    # It starts containers, and the engine imports it, for a tenth of a second, whether it is asked to or not.
    sys.modules["docker"] = None  # type: ignore[assignment]  # an import of it fails
    from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

    for each in _RESOURCE_HANDLERS.keys() - RESOURCE_TYPES:
        del _RESOURCE_HANDLERS[each]

    def refuse(*_args: object, **_options: object) -> NoReturn:
        raise PermissionError("the engine of the local run starts no program")

    # Also for what a later version of the engine may add: each of its ways to run code starts a program.
    subprocess.Popen.__init__ = refuse  # type: ignore[method-assign]


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
