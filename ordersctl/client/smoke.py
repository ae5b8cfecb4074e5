"""`ordersctl smoke`: one order through a stage from the first request to its event, and a report of each step."""

import json
from pathlib import Path
from typing import Any

import click
import httpx

from ordersctl.client.api import connect
from ordersctl.client.smoke_steps import Outcome, Smoke, outcomes
from ordersctl.local import tokens
from ordersctl.shared import options
from ordersctl.shared.output import Console, echo, number_of, printable
from ordersctl.shared.project import CHALICE_CONFIG
from ordersctl.shared.queues.own_queue import own_queue
from ordersctl.shared.runs import current
from ordersctl.shared.stage import Stage, with_stage

_CUSTOMER = "smoke"
_INDENT = 20  # columns, of the lines after a step's first one


@click.command()
@click.option("--url", type=options.HttpUrl(), help="The API.  [default: that of the stage]")
@click.option(
    "--token",
    metavar="TOKEN",
    envvar="ORDERS_TOKEN",
    help="A customer's token: orders/read, orders/write. By ORDERS_TOKEN.",
)
@click.option(
    "--admin-token",
    metavar="TOKEN",
    envvar="ORDERS_ADMIN_TOKEN",
    help="A token with orders/admin, to erase the order at the end; without it the order is cancelled.",
)
@click.option(
    "--api-key", metavar="KEY", envvar="ORDERS_API_KEY", help="A key of the usage plan, for a stage with ApiKeys."
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(1, 600),
    default=60.0,
    show_default=True,
    help="How long to wait for the order to be stored, and for its events.",
)
@options.as_json
@with_stage
def smoke(
    *,
    stage: Stage,
    url: str | None,
    token: str | None,
    admin_token: str | None,
    api_key: str | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Place an order in a stage, read, list, change and erase it, and see its events, its dead letters and the alarms.

    The order is a real one: subscribers get its events, which is the point. The local run needs no token.

    Exit status: 0 when every step was as it should be, 1 when one was not.
    """
    if stage.is_local:
        token = token or tokens.local_token(subject=_CUSTOMER, scope=tokens.CUSTOMER_SCOPE)
        admin_token = admin_token or tokens.local_token(subject=_CUSTOMER, scope=tokens.ADMIN_SCOPE)
    if token is None:
        raise click.UsageError("give a customer's token of your issuer: --token, or ORDERS_TOKEN.")
    with connect(url or _url(stage), token, 1) as http:
        http.headers.update({"x-api-key": api_key} if api_key else {})
        done = _run(stage, http, admin_token, timeout, quiet=as_json)
    if as_json:
        echo(json.dumps([each._asdict() for each in done], indent=2))
    failed = sum(each.result == "FAILED" for each in done)
    if failed:
        raise click.ClickException(f"{failed} of {number_of(len(done), 'step')} failed")
    if not as_json:
        echo(f"{stage.name}: {number_of(sum(each.result == 'ok' for each in done), 'step')}, all as they should be")


def _run(stage: Stage, http: httpx.Client, admin_token: str | None, timeout: float, *, quiet: bool) -> list[Outcome]:
    done: list[Outcome] = []
    with _queue(stage) as queue_url:
        for outcome in outcomes(Smoke(stage, http, admin_token, queue_url, timeout)):
            done.append(outcome)
            if not quiet:
                line = f"{outcome.result:<8}  {outcome.seconds:6.2f} s  {outcome.step}: {outcome.detail}"
                echo(Console().wrapped(printable(line), indent=" " * _INDENT))
    return done


def _queue(stage: Stage) -> Any:
    if stage.event_bus is not None:
        raise click.ClickException(f"stage {stage.name} publishes to the bus {stage.event_bus}: smoke reads the topic")
    return own_queue(stage, [])


def _url(stage: Stage) -> str:
    """Return a stage's address: the stack's output, what `chalice deploy` wrote down, or the local run's."""
    if stage.is_local:
        return current.api_url()
    if url := stage.outputs().get("EndpointURL"):
        return url.rstrip("/")
    return recorded_url(CHALICE_CONFIG.parent / "deployed" / f"{stage.name}.json")


def recorded_url(file: Path) -> str:
    """Return the API's address in a file that `chalice deploy` wrote; UsageError when there is none."""
    try:
        resources = json.loads(file.read_text())["resources"]
        return next(str(each["rest_api_url"]) for each in resources if "rest_api_url" in each).rstrip("/")
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        raise click.UsageError("this stage's address is not known here: give it by --url.") from None
