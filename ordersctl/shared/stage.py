"""A stage as the operator's commands reach it: the local engine or AWS, by the same code."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.session
import click
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.errors import Fault
from chalicelib.settings import Spread, parse_spread
from ordersctl.shared import project
from ordersctl.shared.engine_client import client_options

LOCAL = "local"


@dataclass(frozen=True, eq=False)
class Stage:
    """One stage; `options` are what boto3 clients need to reach it."""

    name: str
    session: boto3.Session
    options: dict[str, Any]

    @classmethod
    def at(cls, name: str, *, profile: str | None = None, region: str | None = None) -> "Stage":
        """Return the stage: `local` is the engine, with made-up credentials; any other is where boto3 finds AWS."""
        if name == LOCAL:
            return cls(name, *_engine(project.engine_url()))
        return cls(name, boto3.Session(profile_name=profile, region_name=region), {})

    @property
    def is_local(self) -> bool:
        return self.name == LOCAL

    @property
    def stack_name(self) -> str:
        return f"orders-{self.name}"

    @property
    def wait_seconds(self) -> int:
        """How long to wait for messages: AWS asks all its servers only when it may wait (SQS guide, long polling)."""
        return 0 if self.is_local else 1

    def client(self, service: Any) -> Any:
        """Return a boto3 client of an AWS service, the same one each time."""
        return _client(self.session, service, tuple(self.options.items()))

    def output(self, name: str) -> str:
        """Return an output of the stage's stack; ClickException when there is none."""
        found = self.outputs().get(name)
        if found is None:
            raise click.ClickException(f"the stack {self.stack_name} has no output {name}.")
        return found

    def outputs(self) -> dict[str, str]:
        return _described(self)["outputs"]

    @property
    def event_bus(self) -> str | None:
        """The EventBridge bus that events go to in place of the topic; None when there is none."""
        return _described(self)["parameters"].get("EventBusName") or None

    @property
    def spread(self) -> Spread:
        """The customers whose orders the index has under several keys."""
        return parse_spread(_described(self)["parameters"].get("SpreadCustomers", ""))

    def queue_attributes(self, url: str, *names: str) -> dict[str, str]:
        """Return attributes of a queue, by name."""
        answer = self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=list(names))
        return dict(answer.get("Attributes", {}))

    def alarms(self) -> list[dict[str, Any]]:
        """Return the stage's alarms as CloudWatch describes them.

        CloudFormation names them by stack and by an id that begins with a capital letter; what goes on otherwise is an
        alarm of stage dev-eu, not of stage dev.
        """
        prefix = f"{self.stack_name}-"
        pages = self.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=prefix)
        found = [each for page in pages for each in page["MetricAlarms"]]
        return [each for each in found if each["AlarmName"].removeprefix(prefix)[:1].isupper()]

    def queue_arn(self, url: str) -> str:
        return self.queue_attributes(url, "QueueArn")["QueueArn"]


@functools.cache  # for all commands of a process: a session reads the descriptions of AWS's services anew
def _engine(url: str) -> tuple[boto3.Session, dict[str, Any]]:
    """The session and the options for an embedded engine."""
    options = client_options(url)
    # Retries would only delay the error message that no engine answers.
    options["config"] = options["config"].merge(Config(retries={"total_max_attempts": 1}))
    # A session without a profile: AWS_PROFILE may name a profile that this machine does not have.
    bare = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
    return boto3.Session(botocore_session=bare), options


@functools.cache
def _client(session: boto3.Session, service: Any, options: tuple[tuple[str, Any], ...]) -> Any:
    return session.client(service, **dict(options))


@functools.cache
def _described(stage: Stage) -> dict[str, dict[str, str]]:
    stack = stage.client("cloudformation").describe_stacks(StackName=stage.stack_name)["Stacks"][0]
    return {
        "outputs": {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])},
        "parameters": {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", [])},
    }


def with_stage(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command --stage, --profile and --region, and pass it the Stage; AWS's errors become plain messages."""

    @click.option("--stage", default=LOCAL, show_default=True, help="Which stage; local is the embedded engine.")
    @click.option("--profile", help="A profile of the AWS configuration; never used for the local stage.")
    @click.option("--region", help="An AWS region, when the profile names none.")
    @functools.wraps(command)
    def wrapped(*, stage: str, profile: str | None, region: str | None, **options: Any) -> None:
        try:
            command(stage=Stage.at(stage, profile=profile, region=region), **options)
        except (BotoCoreError, ClientError, Fault) as error:
            hint = " Is the service running (make run)?" if stage == LOCAL else ""
            raise click.ClickException(f"stage {stage}: {error}.{hint}") from error

    return wrapped
