"""A stage as the operator's commands reach it: the local engine or AWS, by the same code."""

import functools
import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import boto3
import botocore.session
import click
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

from chalicelib.domain.errors import Fault
from chalicelib.settings import Spread, parse_spread
from ordersctl.shared.engine_client import client_options
from ordersctl.shared.options import HttpUrl
from ordersctl.shared.output import echo, say
from ordersctl.shared.runs import current

LOCAL = "local"


@dataclass(frozen=True, eq=False)
class Stage:
    """One stage; `options` are what boto3 clients need to reach it, `profile` and `region` were given by options."""

    name: str
    session: boto3.Session
    options: dict[str, Any]
    profile: str | None = field(default=None, kw_only=True)
    region: str | None = field(default=None, kw_only=True)

    @classmethod
    def at(cls, name: str, *, profile: str | None = None, region: str | None = None) -> "Stage":
        """Return the stage: `local` is the engine, with made-up credentials; any other is where boto3 finds AWS."""
        if name == LOCAL:
            return cls(name, *_engine(current.engine_url()))
        return cls(name, boto3.Session(profile_name=profile, region_name=region), {}, profile=profile, region=region)

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

    def refuse_local_run(self, why: str) -> None:
        """Raise UsageError when this is a run of `make run`, where nothing is deployed; `why` says more."""
        if self.is_local and current.current() is not None:
            raise click.UsageError(f"not in the local run: {why}. Name a stage on AWS by --stage.")

    @property
    def title(self) -> str:
        """The stage as confirmations name it: with its account, which another profile would change."""
        if self.is_local:
            return "The local run"
        try:
            account = str(self.client("sts").get_caller_identity()["Account"])
        except (BotoCoreError, ClientError):
            account = "unknown"
        return f"Stage {self.name} of account {account}"

    @property
    def option(self) -> tuple[str, ...]:
        """The options by which a command reaches this stage; none for the local run, its default."""
        return () if self.is_local else ("--stage", self.name, *self._account)

    @property
    def _account(self) -> tuple[str, ...]:
        given = {"--profile": self.profile, "--region": self.region}
        return tuple(word for name, value in given.items() if value for word in (name, value))

    def aws_as_typed(self, *arguments: str) -> str:
        """Return a command of the AWS CLI in this stage's account and region as it is to be typed."""
        return shlex.join(["aws", *arguments, *self._account])

    def chalice_as_typed(self, command: str) -> str:
        """Return a chalice command on this stage as it is to be typed."""
        profile = ("--profile", self.profile) if self.profile else ()
        # Chalice has no --region: it goes to the region of this variable, or of the profile.
        region = f"AWS_DEFAULT_REGION={shlex.quote(self.region)} " if self.region else ""
        return region + current.chalice_as_typed(command, "--stage", self.name, *profile)

    def confirm(self, question: str) -> None:
        """Ask whether to change this stage, in red for production; click's Abort when the answer is no."""
        title = self.title
        if self.name.startswith("prod") and "NO_COLOR" not in os.environ:
            title = click.style(title, fg="red", bold=True)
        if not _agreed(f"{title}: {question}"):
            raise click.Abort

    def queue_attributes(self, url: str, *names: str) -> dict[str, str]:
        """Return attributes of a queue, by name."""
        answer = self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=list(names))
        return dict(answer.get("Attributes", {}))

    def alarms(self) -> list[dict[str, Any]]:
        """Return the stage's alarms as CloudWatch describes them.

        CloudFormation names an alarm by the stack and an id that begins with a capital letter. The alarms of stage
        dev-eu, whose names begin like those of stage dev, are left out.
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


def _agreed(question: str) -> bool:
    """Ask; click's Abort at Ctrl-C and where nobody answers, on a line of its own."""
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        echo("", err=True)
        raise


def _use_engine(ctx: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """Name the engine where each part of the command looks for it, until the command ends."""
    if value:
        before = os.environ.get(current.ENGINE)
        os.environ[current.ENGINE] = value
        ctx.call_on_close(lambda: _restore(before))
    return value


def _restore(engine: str | None) -> None:
    if engine is None:
        os.environ.pop(current.ENGINE, None)
    else:
        os.environ[current.ENGINE] = engine


engine_option = click.option(
    "--engine",
    metavar="URL",
    type=HttpUrl(),
    callback=_use_engine,
    help="The AWS engine of the local stage.  [default: the run's]",
)


def with_stage(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command --stage, --profile, --region and --engine, and pass it the Stage; AWS's errors become messages."""

    @click.option("--stage", default=LOCAL, show_default=True, help="Which stage; local is the embedded engine.")
    @click.option("--profile", help="A profile of the AWS configuration; never used for the local stage.")
    @click.option("--region", help="An AWS region, when the profile names none.")
    @engine_option
    @functools.wraps(command)
    def wrapped(*, stage: str, profile: str | None, region: str | None, engine: str | None, **options: Any) -> None:
        if stage == LOCAL:
            current.require_engine()
        elif engine:
            raise click.UsageError("--engine belongs to the local stage.")
        elif endpoint := os.environ.get(current.ENGINE):
            say(f"{current.ENGINE} is set: stage {stage} is looked for at {endpoint}, and not in AWS.", err=True)
        try:
            command(stage=Stage.at(stage, profile=profile, region=region), **options)
        except (BotoCoreError, ClientError, Fault) as error:
            hint = " Is the service running (make run)?" if stage == LOCAL else ""
            if isinstance(error, NoRegionError):
                hint = " Name it by --region, or in the profile."
            # some of botocore's texts end with a full stop, and some with an empty message of the service
            raise click.ClickException(f"stage {stage}: {str(error).rstrip(' .:')}.{hint}") from error

    return wrapped
