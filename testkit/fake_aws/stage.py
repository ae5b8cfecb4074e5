"""A stage of the fake AWS, for the operators' commands, which run unchanged in processes that can be killed."""

import contextlib
import contextvars
import io
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import click
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.errors import Fault
from chalicelib.settings import Spread, parse_spread
from ordersctl.shared.stage import Stage
from testkit.fake_aws.clients import FakeClient
from testkit.fake_aws.faults import Killed
from testkit.fake_aws.lambda_ import ENVIRONMENT, FakeAws, Process

T = TypeVar("T")
_ERRORS = (BotoCoreError, ClientError, Fault, click.ClickException, click.exceptions.Exit)  # the operator tries again
_NO_SLEEP = 1e9  # steps a second: the commands wait by the real clock between two steps


class OperatorClient(FakeClient):
    """A fake of a boto3 client."""

    def get_paginator(self, operation: str) -> "OperatorClient":
        return OperatorClient(self.service, self.attempts, lambda _, __, arguments: self._pages(operation, arguments))

    def _pages(self, operation: str, arguments: dict[str, Any]) -> Iterator[Any]:
        yield self.call(self, operation, arguments)


@dataclass(frozen=True, eq=False)
class FakeStage(Stage):
    aws: FakeAws
    process: Process

    @property
    def wait_seconds(self) -> int:
        return 0

    def client(self, service: Any) -> OperatorClient:
        def call(client: FakeClient, operation: str, arguments: dict[str, Any]) -> Any:
            # What `finally` would do in a process that was killed is not done.
            return {} if self.process.dead else self.aws.call(self.process, client, operation, arguments)

        return OperatorClient(service, 3, call)

    def outputs(self) -> dict[str, str]:
        return {
            "OrderTable": ENVIRONMENT["ORDER_TABLE"],
            "OrderStreamArn": ENVIRONMENT["ORDER_STREAM_ARN"],
            "OrderQueueUrl": ENVIRONMENT["ORDER_QUEUE_URL"],
            "OrderDeadLetterQueueUrl": ENVIRONMENT["ORDER_DEAD_LETTER_QUEUE_URL"],
            "EventDeadLetterQueueUrl": ENVIRONMENT["EVENT_DEAD_LETTER_QUEUE_URL"],
            "EventTopicArn": ENVIRONMENT["EVENT_TOPIC_ARN"],
        }

    @property
    def event_bus(self) -> str | None:
        return os.environ.get("EVENT_BUS_NAME")

    @property
    def spread(self) -> Spread:
        return parse_spread(os.environ.get("SPREAD_CUSTOMERS", ""))


def run_command(aws: FakeAws, command: click.Command, arguments: list[str]) -> None:
    """Run an operator's command until its end, its error or its death."""
    with command.make_context(command.name, [*arguments, "--yes", "--json"]) as context:
        options = {
            name: value
            for name, value in context.params.items()
            if name not in {"stage", "profile", "region", "engine"}
        }
    # with_stage makes a stage of an option; the function that it wraps takes the stage itself.
    function: Any = getattr(command.callback, "__wrapped__", None)
    run(aws, str(command.name), lambda stage: function(stage=stage, **options | {"rate": _NO_SLEEP}))


def run(aws: FakeAws, name: str, work: Callable[[Stage], T]) -> T | None:
    """Do an operator's work in a process of its own; None when it ended with an error or its death."""

    stage = FakeStage(ENVIRONMENT["STAGE"], cast("Any", None), {}, aws, Process(handler=f"ordersctl {name}"))
    printed = io.StringIO()

    def silent() -> T:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            return work(stage)

    # A context of its own: the deadline of an invocation in whose middle this runs is not the operator's.
    with contextlib.suppress(Killed, *_ERRORS), pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: aws.now)
        return contextvars.Context().run(silent)
    return None
