"""`ordersctl listen`: events live, in the terminal or at a webhook of one's own."""

import json
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import httpx

from chalicelib.domain.orders import OrderStatus
from ordersctl.operate.stage_queues import LISTENER
from ordersctl.shared.stage import Stage, as_json, with_stage

WAIT_SECONDS = 1  # of one receive; the longest that Ctrl-C waits
SIGN_OF_LIFE_SECONDS = 60
FORSAKEN_AFTER_SECONDS = 5 * SIGN_OF_LIFE_SECONDS
_SIGN = "orders:listening-at"  # a tag: seconds since the epoch, set anew while somebody listens

# What an event's type has after "order.": the status that was reached, or that something else changed.
_TYPES = (*OrderStatus, "changed")


def _types(_context: click.Context, _option: click.Parameter, value: tuple[str, ...]) -> list[str]:
    """Read types of events, with or without "order."; full ones."""
    types = [each.removeprefix("order.") for each in value]
    if unknown := [each for each in types if each not in _TYPES]:
        raise click.BadParameter(f"there is no {', '.join(unknown)}; there are {', '.join(_TYPES)}.")
    return [f"order.{each}" for each in types]


def _url(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    try:
        url = httpx.URL(value)
    except httpx.InvalidURL as error:
        raise click.BadParameter(f"this is no URL: {error}.") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise click.BadParameter("give a whole URL such as http://127.0.0.1:3000/events.")
    return value


@click.command()
@click.option(
    "--type",
    "types",
    metavar="TYPE",
    multiple=True,
    callback=_types,
    help="Only these, such as order.placed or placed.",
)
@click.option(
    "--forward-to", metavar="URL", callback=_url, help="POST each event there, as a CloudEvent in structured mode."
)
@click.option(
    "--retry-after",
    metavar="SECONDS",
    type=click.IntRange(1, 3_600),
    default=30,
    show_default=True,
    help="When a webhook that did not take an event gets it again.",
)
@click.option("--count", type=click.IntRange(min=1), help="Stop after so many.")
@as_json
@with_stage
def listen(
    *,
    stage: Stage,
    types: list[str],
    forward_to: str | None,
    retry_after: int,
    count: int | None,
    as_json: bool,
) -> None:
    """Show events as they are published, until Ctrl-C.

    They come by a queue of its own, subscribed to the topic and taken away at the end. One that a kill left behind is
    taken away by the next `listen`.
    """
    if stage.event_bus is not None:
        raise click.ClickException(f"stage {stage.name} publishes to the bus {stage.event_bus}, not to its topic.")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    heard = 0
    try:
        # The client first: it imports for a while, and Ctrl-C meanwhile would find a queue made but nobody listening.
        with _client() as webhook, own_queue(stage, types, visibility=retry_after) as url:
            click.echo("Listening; Ctrl-C ends it.", err=True)
            for message in _messages(stage, url):
                event = json.loads(message["Body"])
                trouble = None if forward_to is None else _forwarded(webhook, forward_to, message["Body"])
                click.echo(message["Body"] if as_json else _line(event, trouble))
                if trouble is None:
                    stage.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                    heard += 1
                if heard == count:
                    return
    except KeyboardInterrupt:
        click.echo(f" {heard} events heard.", err=True)


def _messages(stage: Stage, url: str) -> Iterator[dict[str, Any]]:
    alive = time.monotonic()
    while True:
        answer = stage.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=WAIT_SECONDS)
        yield from answer.get("Messages", [])
        if time.monotonic() - alive > SIGN_OF_LIFE_SECONDS:
            stage.client("sqs").tag_queue(QueueUrl=url, Tags={_SIGN: str(int(time.time()))})
            alive = time.monotonic()


@contextmanager
def own_queue(stage: Stage, types: list[str], *, visibility: int = 30) -> Iterator[str]:
    """Subscribe a queue to the topic, and take both away at the end."""
    _sweep(stage)
    sqs, sns, topic = stage.client("sqs"), stage.client("sns"), stage.output("EventTopicArn")
    fifo = ".fifo" if topic.endswith(".fifo") else ""
    name = f"orders-{stage.name}{LISTENER}{secrets.token_hex(4)}{fifo}"
    url = sqs.create_queue(
        QueueName=name,
        Attributes={"MessageRetentionPeriod": "3600", "VisibilityTimeout": str(visibility)}
        | ({"FifoQueue": "true"} if fifo else {}),
        tags={_SIGN: str(int(time.time()))},
    )["QueueUrl"]
    try:
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": _policy(arn, topic)})
        attributes = {"RawMessageDelivery": "true"}
        if types:
            attributes["FilterPolicy"] = json.dumps({"type": types})
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
        yield url
    finally:
        _take_away(stage, url)


def _sweep(stage: Stage) -> None:
    """Take away queues that nobody has listened to for a while: their listener was killed."""
    sqs = stage.client("sqs")
    for url in sqs.list_queues(QueueNamePrefix=f"orders-{stage.name}{LISTENER}").get("QueueUrls", []):
        sign = sqs.list_queue_tags(QueueUrl=url).get("Tags", {}).get(_SIGN)
        if sign is not None and time.time() - int(sign) > FORSAKEN_AFTER_SECONDS:
            _take_away(stage, url)
            click.echo(f"Took away {url.rpartition('/')[2]}, whose listener is gone.", err=True)


def _take_away(stage: Stage, url: str) -> None:
    """Remove a queue and its subscriptions: first these, so that nothing is sent to a queue that is not there."""
    sns = stage.client("sns")
    pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=stage.output("EventTopicArn"))
    for each in [each for page in pages for each in page["Subscriptions"]]:
        if each["Endpoint"].rpartition(":")[2] == url.rpartition("/")[2]:
            sns.unsubscribe(SubscriptionArn=each["SubscriptionArn"])
    stage.client("sqs").delete_queue(QueueUrl=url)


def _policy(queue_arn: str, topic_arn: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _client() -> httpx.Client:
    # A webhook under development is on this machine, and the way there leads through no proxy.
    return httpx.Client(timeout=10, trust_env=False)


def _forwarded(webhook: httpx.Client, url: str, body: str) -> str | None:
    """POST an event (CloudEvents HTTP binding 1.0.2, structured mode); returns what went wrong, if anything."""
    try:
        answer = webhook.post(url, content=body.encode(), headers={"Content-Type": "application/cloudevents+json"})
    except (httpx.RequestError, httpx.InvalidURL) as error:
        return f"{type(error).__name__}: {error}"
    return None if answer.is_success else f"HTTP {answer.status_code}"


def _line(event: dict[str, Any], trouble: str | None) -> str:
    data = event.get("data") or {}
    amount = f"  {data['total']} {data['currency']}" if "currency" in data else ""
    replayed = "  (replayed)" if event.get("replayed") else ""
    not_taken = f"  NOT TAKEN by the webhook: {trouble}" if trouble else ""
    return f"{event['time']}  {event['type']:<16} {event['id']}{amount}{replayed}{not_taken}"
