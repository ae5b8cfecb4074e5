"""`ordersctl trigger`: places a sample order, or moves an order on, over the API as a client does."""

import json
import secrets
from typing import Any

import click
import httpx

from ordersctl.client.api import connect, json_object, problem_text, service_token
from ordersctl.shared.output import echo
from ordersctl.shared.project import SAMPLE_ORDER

STEPS = {"placed": "confirmed", "confirmed": "shipped", "shipped": "delivered"}


@click.command()
@click.argument("order_id", required=False)
@click.option("--to", "status", type=click.Choice([*STEPS.values(), "cancelled"]), help="[default: the next status]")
@click.option("--customer", metavar="ID", default="17850", show_default=True, help="The order's customer.")
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="The service.")
@click.option(
    "--token",
    envvar="ORDERS_TOKEN",
    help="A token with the scope orders/service; also by ORDERS_TOKEN.  [default: one of the local run]",
)
@click.option("--json", "as_json", is_flag=True, help="The answer's JSON.")
def trigger(
    *, order_id: str | None, status: str | None, customer: str, url: str, token: str | None, as_json: bool
) -> None:
    """Place a sample order, or move ORDER_ID on: confirmed, shipped, delivered."""
    if order_id is None and status is not None:
        raise click.UsageError("--to moves an order on: give its ORDER_ID.")
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


def _document(response: httpx.Response) -> dict[str, Any]:
    """Return the answer's JSON; ClickException in the problem's own words (RFC 9457) when it is a refusal."""
    body = json_object(response)
    if not response.is_success:
        raise click.ClickException(problem_text(response.status_code, body))
    return body
