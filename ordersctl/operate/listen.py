"""`ordersctl listen`: shows events as they are published, in the terminal or at a webhook."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from chalicelib.domain.orders import OrderStatus
from ordersctl.operate.webhook import Secret, SecretParameter, Webhook
from ordersctl.shared import options
from ordersctl.shared.output import WIDE, Console, after_ctrl_c, echo, number_of, printable
from ordersctl.shared.queues.message_json import parsed
from ordersctl.shared.queues.own_queue import HEARTBEAT_SECONDS, heartbeat, own_queue
from ordersctl.shared.stage import Stage, with_stage

WAIT_SECONDS = 1  # seconds of one receive, the longest that Ctrl-C waits

# The types of events without "order.": a status that an order reached, or another change.
_TYPES = (*OrderStatus, "changed")


def _types(_context: click.Context, _option: click.Parameter, value: tuple[str, ...]) -> list[str]:
    """Return full types of events, from types with or without "order."."""
    types = [each.removeprefix("order.") for each in value]
    if unknown := [each for each in types if each not in _TYPES]:
        raise click.BadParameter(f"there is no {', '.join(unknown)}; there are {', '.join(_TYPES)}.")
    return [f"order.{each}" for each in types]


@click.command()
@click.option(
    "--type",
    "types",
    metavar="TYPE",
    multiple=True,
    callback=_types,
    help="Only these, such as order.placed or placed.",
)
@click.option("--forward-to", type=options.HttpUrl(), help="POST each event there, as a signed CloudEvent.")
@click.option(
    "--secret",
    metavar="WHSEC",
    type=SecretParameter(),
    envvar="ORDERS_WEBHOOK_SECRET",
    help="What to sign with, as Standard Webhooks do.  [default: a new one, which is printed]",
)
@click.option(
    "--retry-after",
    metavar="SECONDS",
    type=click.IntRange(1, 3_600),
    default=30,
    show_default=True,
    help="When an event that the webhook did not accept is sent to it again.",
)
@click.option("--count", type=click.IntRange(min=1), help="Stop after so many.")
@options.as_json
@with_stage
def listen(
    *,
    stage: Stage,
    types: list[str],
    forward_to: str | None,
    secret: Secret | None,
    retry_after: int,
    count: int | None,
    as_json: bool,
) -> None:
    """Show events as they are published, until Ctrl-C.

    They come through a queue of their own, which is subscribed to the topic, and deleted at the end. The queue of a
    `listen` that was killed is deleted by the next one.
    """
    if stage.event_bus is not None:
        raise click.ClickException(f"stage {stage.name} publishes to the bus {stage.event_bus}, not to its topic.")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    received, handled = set[str](), set[str]()
    try:
        # The webhook first: making it takes a while, and Ctrl-C meanwhile would leave a queue that nobody deletes.
        with _webhook(forward_to, secret) as webhook, own_queue(stage, types, visibility=retry_after) as url:
            echo("Listening; Ctrl-C ends it.", err=True)
            console = Console()
            for message in _messages(stage, url):
                received.add(message["MessageId"])
                trouble = None if webhook is None else webhook.post(message["Body"], otherwise=message["MessageId"])
                echo(_as_json(message["Body"]) if as_json else _line(message["Body"], trouble, console))
                if trouble is None:
                    stage.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                    handled.add(message["MessageId"])
                if len(handled) == count:
                    return
    except KeyboardInterrupt:
        after_ctrl_c()
        refused = f", {len(received - handled)} not accepted by the webhook" if received - handled else ""
        echo(f"{number_of(len(received), 'event')} received{refused}.", err=True)


def _messages(stage: Stage, url: str) -> Iterator[dict[str, Any]]:
    last_heartbeat = time.monotonic()
    while True:
        answer = stage.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=WAIT_SECONDS)
        yield from answer.get("Messages", [])
        if time.monotonic() - last_heartbeat > HEARTBEAT_SECONDS:
            heartbeat(stage, url)
            last_heartbeat = time.monotonic()


@contextmanager
def _webhook(url: str | None, secret: Secret | None) -> Iterator[Webhook | None]:
    """Yield the webhook to forward events to, and print a secret that was made for it; None without an address."""
    if url is None:
        yield None
        return
    if secret is None:
        secret = Secret.fresh()
        echo(f"Signing secret of this run: {secret}", err=True)
    webhook = Webhook.at(url, secret)
    with webhook.client:
        yield webhook


def _as_json(body: str) -> str:
    """The same JSON in ASCII, without characters that a terminal obeys; another body as a JSON string."""
    try:
        return json.dumps(parsed(body))
    except ValueError:
        return json.dumps(body)


def _line(body: str, trouble: str | None, console: Console) -> str:
    """Return an event's time, type, id, total and what is odd; another program's message as it is.

    A pipe gets fields with tabs between them. A narrow terminal has no room for the date and the milliseconds.
    """
    refused = f"NOT ACCEPTED by the webhook: {trouble}" if trouble else ""
    try:
        event = parsed(body)
        data = event.get("data") or {}
        fields = [event["time"], event["type"], event["id"]]
        fields.append(f"{data['total']} {data['currency']}" if "currency" in data else "")
        fields.append("; ".join(filter(None, ["replayed" if event.get("replayed") else "", refused])))
        if not console.is_terminal:
            return printable("\t".join(fields), keep="\t")
        if console.width < WIDE:
            fields[0] = event["time"][11:19]
        return printable("  ".join([fields[0], f"{fields[1]:<15}", *fields[2:]]).rstrip())
    except (ValueError, KeyError, TypeError, AttributeError):
        return printable(f"{body}  {refused}".rstrip())
