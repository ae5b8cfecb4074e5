"""`ordersctl consumer NAME`: runs one of the sample consumers in the local run, and calls it as Lambda does."""

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import click
from chalice.app import SQSEventConfig

from ordersctl.local.engine import create_stack, wait_for_stack
from ordersctl.local.event_sources.invocation import Function, Handler
from ordersctl.local.event_sources.polling import Switched, poll_forever
from ordersctl.local.event_sources.sqs import QueueMapping
from ordersctl.local.tokens import client_secret
from ordersctl.shared import project
from ordersctl.shared.engine_client import client_options, thin_client
from ordersctl.shared.output import echo
from ordersctl.shared.project import PROJECT_DIR
from ordersctl.shared.runs.current import engine_url
from ordersctl.shared.switches import CONSUMERS, State, Switches

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_sqs import SQSClient

EXAMPLES = PROJECT_DIR / "examples"
TIMEOUT_SECONDS = 5


@click.command("consumer")
@click.argument("name", type=click.Choice(CONSUMERS))
@click.option("--state-dir", type=click.Path(path_type=Path, file_okay=False), help="Of the run that starts it.")
def consumer(name: str, state_dir: Path | None) -> None:
    """Call a sample consumer for each event until stopped; its API is ORDERS_API_URL, its issuer the local run."""
    os.environ |= _client(name)
    app = project.application(EXAMPLES / name)
    make_inbox(engine_url(), os.environ["INBOX_TABLE"])
    switched = Switched(name, Switches(state_dir or project.state_dir()), _print)
    sqs: SQSClient = thin_client("sqs", engine_url())
    (source,) = app.event_sources
    assert isinstance(source, SQSEventConfig)  # noqa: S101 - they all are
    function = Function(
        name=name,
        handler=_failing_when_switched(app.handler_map[source.name], switched),
        reports_failures=False,
        timeout_seconds=TIMEOUT_SECONDS,
    )
    mapping = QueueMapping.of(
        sqs, os.environ["QUEUE_NAME"], function, _print, batch_size=source.batch_size, paused=switched.is_paused
    )
    poll_forever(switched.step(mapping.poll), _print)


def _client(name: str) -> dict[str, str]:
    """Return the settings by which a consumer fetches its token."""
    url = os.environ.get("ORDERS_API_URL", "http://127.0.0.1:8000") + project.ISSUER_PATH
    return {"ORDERS_TOKEN_URL": url, "ORDERS_CLIENT_ID": name, "ORDERS_CLIENT_SECRET": client_secret(name)}


def _failing_when_switched(handler: Handler, switched: Switched) -> Handler:
    def handle(event: Any, context: Any) -> Any:
        if switched.state() == State.FAILING:
            raise RuntimeError("switched to fail")
        return handler(event, context)

    return handle


def make_inbox(endpoint_url: str, table: str) -> None:
    """Create a consumer's table in the engine unless it exists, by the same template as on AWS."""
    cloudformation: CloudFormationClient = boto3.client("cloudformation", **client_options(endpoint_url))
    # it exists when the consumer ended and was started again
    with suppress(cloudformation.exceptions.AlreadyExistsException):
        create_stack(cloudformation, table, EXAMPLES / "inbox.yaml", {"TableName": table})
    wait_for_stack(cloudformation, table)


def _print(line: str) -> None:
    echo(line)
