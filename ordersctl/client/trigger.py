"""`ordersctl trigger`: places a sample order, or moves an order on, over the API as a client does."""

import json
import secrets
from typing import Any

import click
import httpx
from botocore.exceptions import BotoCoreError, ClientError

from ordersctl.client.api import HopelessError, connect, json_object, post_all, problem_text, service_token
from ordersctl.client.invoices import Placeable
from ordersctl.shared import options
from ordersctl.shared.output import echo, number_of
from ordersctl.shared.project import SAMPLE_ORDER
from ordersctl.shared.runs import current
from ordersctl.shared.stage import LOCAL, Stage, engine_option

_CONNECTIONS = 8
STEPS = {"placed": "confirmed", "confirmed": "shipped", "shipped": "delivered"}


@click.command()
@click.argument("order_id", required=False)
@click.option(
    "--to", "status", type=click.Choice([*STEPS.values(), "cancelled"]), help="Which status.  [default: the next one]"
)
@click.option("--customer", metavar="ID", default="17850", show_default=True, help="The order's customer.")
@options.url
@engine_option
@click.option(
    "--token",
    metavar="TOKEN",
    envvar="ORDERS_TOKEN",
    help="A token with the scope orders/service; also by ORDERS_TOKEN.  [default: one of the local run]",
)
@click.option("--count", type=click.IntRange(1, 1_000), default=1, help="Place so many orders, eight at a time.")
@click.option("--poison", is_flag=True, help="Put a message that is no order on the local run's order queue instead.")
@click.option("--json", "as_json", is_flag=True, help="The answer's JSON.")
def trigger(
    *,
    order_id: str | None,
    status: str | None,
    customer: str,
    url: str | None,
    engine: str | None,  # noqa: ARG001 - its callback has named it
    token: str | None,
    count: int,
    poison: bool,
    as_json: bool,
) -> None:
    """Place a sample order, or move ORDER_ID on: confirmed, shipped, delivered."""
    if order_id is None and status is not None:
        raise click.UsageError("--to moves an order on: give its ORDER_ID.")
    if order_id is not None and (count > 1 or poison):
        raise click.UsageError("--count and --poison go without an ORDER_ID.")
    if poison:
        current.require_engine()
        _poison(count)
        return
    url = url or current.api_url()
    if count > 1:
        _place_many(url, token or service_token("trigger"), customer, count, as_json=as_json)
        return
    try:
        with connect(url, token or service_token("trigger"), 1) as client:
            answer = _place(client, customer) if order_id is None else _move(client, order_id, customer, status)
    except httpx.ConnectError as error:
        raise click.ClickException(f"nothing answers at {url}: is the service running (make run)?") from error
    except httpx.RequestError as error:
        raise click.ClickException(f"no answer ({type(error).__name__}).") from error
    echo(json.dumps(answer, indent=2) if as_json else f"{answer['order_id']} {answer['status']}")


def _place(client: httpx.Client, customer: str) -> dict[str, Any]:
    headers = {"Idempotency-Key": f"trigger-{secrets.token_hex(8)}"}
    return _document(client.post("/orders", params={"customer_id": customer}, headers=headers, json=SAMPLE_ORDER))


def _move(client: httpx.Client, order_id: str, customer: str, status: str | None) -> dict[str, Any]:
    path, params = f"/orders/{order_id}", {"customer_id": customer}
    read = client.get(path, params=params)
    order = _document(read)
    if status is None and (status := STEPS.get(order["status"])) is None:
        raise click.ClickException(f"{order_id} is {order['status']}: there is no next status.")
    headers = {"If-Match": read.headers.get("ETag", "*"), "Content-Type": "application/merge-patch+json"}
    return _document(client.patch(path, params=params, headers=headers, content=json.dumps({"status": status})))


def _place_many(url: str, token: str, customer: str, count: int, *, as_json: bool) -> None:
    burst = secrets.token_hex(8)
    orders = [Placeable(f"trigger-{burst}-{number}", customer, SAMPLE_ORDER) for number in range(count)]
    with connect(url, token, _CONNECTIONS) as client:
        try:
            posted = list(post_all(client, orders, _CONNECTIONS))
        except HopelessError as error:
            raise click.ClickException(str(error)) from error
    accepted = [each.order_id for each in posted if each.outcome == "accepted"]
    if as_json:
        echo(json.dumps({"accepted": len(accepted), "order_ids": accepted}, indent=2))
    else:
        echo(f"{len(accepted)} of {count} accepted")
    if len(accepted) < count:
        raise click.ClickException(next(each.reason for each in posted if each.outcome != "accepted"))


def _poison(count: int) -> None:
    """Send what no API would: the processor quarantines it, with a reason, and goes on."""
    stage = Stage.at(LOCAL)
    try:
        for _ in range(count):
            body = f"This is not an order: {secrets.token_hex(4)}"
            stage.client("sqs").send_message(QueueUrl=stage.output("OrderQueueUrl"), MessageBody=body)
    except (BotoCoreError, ClientError) as error:
        raise click.ClickException(f"the local run does not take it: {error}. Is it running (make run)?") from error
    if count == 1:
        echo("A message that is no order is on the order queue; it becomes a dead letter.")
    else:
        sent = number_of(count, "message")
        echo(f"{sent} that are no orders are on the order queue; they become dead letters.")


def _document(response: httpx.Response) -> dict[str, Any]:
    """Return the answer's JSON; ClickException in the problem's own words (RFC 9457) when it is a refusal."""
    body = json_object(response)
    if not response.is_success:
        raise click.ClickException(problem_text(response.status_code, body))
    return body
