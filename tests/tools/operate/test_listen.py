"""`ordersctl listen`: events live, and nothing left behind."""

import base64
import hashlib
import hmac
import json
import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import click
import pytest

from chalicelib.adapters.event_topic import EventTopic
from chalicelib.domain import events
from chalicelib.domain.orders import Order
from ordersctl.contract.event_schemas import schemas
from ordersctl.operate.listen import listen
from testkit import builders
from testkit.waiting import eventually
from tests.tools.operate.stage import OperatedStage

pytestmark = pytest.mark.full  # processes that are started and waited for

TOPIC = "arn:aws:sns:us-east-1:000000000000:orders-local-events"


def publish(stage: OperatedStage, *orders: Order) -> None:
    published = [events.between(None, order, source="urn:orders:local") for order in orders]
    assert EventTopic(stage.sns, TOPIC).publish([event for event in published if event is not None]) == []


def listening(stage: OperatedStage) -> list[str]:
    """The queues of listeners that are subscribed by now."""
    subscriptions = stage.sns.list_subscriptions_by_topic(TopicArn=TOPIC)["Subscriptions"]
    names = {each["Endpoint"].rpartition(":")[2] for each in subscriptions}
    return sorted(name for name in names if "-listen-" in name)


def queues_of_listeners(stage: OperatedStage) -> list[str]:
    return stage.sqs.list_queues(QueueNamePrefix="orders-local-listen-").get("QueueUrls", [])


KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()


def verified(headers: Message, content: bytes) -> str:
    """Check a signature as a receiver does (Standard Webhooks, "Verifying signatures"); returns the message's id."""
    message_id, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
    assert abs(time.time() - int(timestamp)) < 60
    expected = hmac.new(KEY, f"{message_id}.{timestamp}.".encode() + content, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(expected).decode()
    return str(message_id)


class Webhook:
    """A webhook that answers with the given statuses, then with 204."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.received: list[tuple[str, Any]] = []
        self.signed: list[str] = []  # the ids of messages whose signature is right
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                body = json.loads(content)
                webhook.received.append((self.headers["Content-Type"], body))
                webhook.signed.append(verified(self.headers, content))
                self.send_response(webhook.statuses.pop(0) if webhook.statuses else 204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)

    @contextmanager
    def open(self) -> Iterator[str]:
        thread = threading.Thread(target=self.server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{self.server.server_port}/hook"
        finally:
            self.server.shutdown()
            thread.join()
            self.server.server_close()


def test_events_of_the_types_asked_for_are_shown_and_nothing_is_left_behind(stage: OperatedStage) -> None:
    process = stage.start("listen", "--type", "rejected", "--count", "1", "--json")
    eventually(lambda: listening(stage))
    placed = builders.an_order(order_id=builders.fresh_order_id())
    rejected = builders.an_order(order_id=builders.fresh_order_id(), status="rejected")
    publish(stage, placed, rejected)
    output, _ = process.communicate(timeout=20)
    (event,) = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    assert (process.returncode, event["subject"]) == (0, rejected.order_id)
    assert (listening(stage), queues_of_listeners(stage)) == ([], [])


def test_what_another_program_publishes_is_shown_without_control_characters(stage: OperatedStage) -> None:
    process = stage.start("listen", "--count", "4")
    eventually(lambda: listening(stage))
    hostile = {"id": "\x1b[2J", "type": "\x9b2J", "time": "\u202e"}
    for message in (json.dumps(hostile, ensure_ascii=False), '"\u202eno event"', "not JSON \x9b2J", "[" * 100_000):
        stage.sns.publish(TopicArn=TOPIC, Message=message)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 0, output
    assert {"\\x1b[2J", "\\x9b2J", "\\u202e"} <= set(output.split())
    assert "not JSON \\x9b2J" in output
    assert "[" * 100_000 in output
    assert not set("\x1b\x9b\u202e") & set(output)


def test_a_message_that_is_nested_too_deeply_is_a_text_in_json(stage: OperatedStage) -> None:
    process = stage.start("listen", "--count", "1", "--json")
    eventually(lambda: listening(stage))
    stage.sns.publish(TopicArn=TOPIC, Message="[" * 100_000)
    output, _ = process.communicate(timeout=20)
    assert (process.returncode, json.loads(output.splitlines()[-1])) == (0, "[" * 100_000), output[-500:]


@pytest.mark.parametrize(
    "asked",
    [
        ("--type", "placed", "--type", "nonsense"),
        ("--forward-to", "notaurl"),
        ("--forward-to", "ftp://127.0.0.1/x"),
        ("--forward-to", "http://127.0.0.1:port/"),
        ("--forward-to", "127.0.0.1:3000"),
        ("--forward-to", ""),
        ("--secret", "whsec_short"),
        ("--secret", base64.b64encode(KEY).decode()),
        ("--secret", "whsec_ä"),
    ],
    ids=" ".join,
)
def test_an_invalid_type_or_webhook_is_refused(asked: tuple[str, ...]) -> None:
    with pytest.raises(click.BadParameter):
        listen.make_context("listen", list(asked))


def test_every_type_of_event_can_be_asked_for() -> None:
    asked = [argument for event_type in schemas() for argument in ("--type", event_type)]
    assert listen.make_context("listen", asked).params["types"] == list(schemas())


def test_ctrl_c_ends_it_and_deletes_its_queue(stage: OperatedStage) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        process = stage.start("listen")
        eventually(lambda: listening(stage))
        process.send_signal(number)
        process.communicate(timeout=20)
        assert process.returncode == 0
        assert (listening(stage), queues_of_listeners(stage)) == ([], [])


def test_the_next_listener_deletes_the_queue_of_a_killed_one_and_no_other(stage: OperatedStage) -> None:
    process = stage.start("listen")
    (left,) = eventually(lambda: listening(stage))
    stage.killed(process, after=0)
    other = stage.start("listen")
    (alive,) = eventually(lambda: set(listening(stage)) - {left})
    assert left in listening(stage), "a queue whose listener was alive a moment ago is kept"
    stage.sqs.tag_queue(QueueUrl=stage.url(left.removeprefix("orders-local-")), Tags={"orders:listening-at": "1"})
    third = stage.start("listen")
    eventually(lambda: left not in listening(stage))
    assert alive in listening(stage)
    for each in (other, third):
        each.send_signal(signal.SIGINT)
        each.communicate(timeout=20)
    assert (listening(stage), queues_of_listeners(stage)) == ([], [])


def test_a_webhook_gets_each_event_as_a_cloud_event_until_it_accepts_it(stage: OperatedStage) -> None:
    webhook = Webhook(503)
    with webhook.open() as url:
        process = stage.start("listen", "--forward-to", url, "--secret", SECRET, "--count", "1", "--retry-after", "1")
        eventually(lambda: listening(stage))
        order = builders.an_order(order_id=builders.fresh_order_id())
        publish(stage, order)
        output, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "HTTP 503" in output
    assert [kind for kind, _ in webhook.received] == ["application/cloudevents+json"] * 2
    assert [event["id"] for _, event in webhook.received] == [f"{order.order_id}.1"] * 2
    assert webhook.signed == [f"{order.order_id}.1"] * 2  # the same id each time: a receiver knows the repetition
    assert SECRET not in output


def test_at_the_end_it_counts_what_the_webhook_did_not_accept(stage: OperatedStage) -> None:
    webhook = Webhook(204, 503)
    with webhook.open() as url:
        process = stage.start("listen", "--forward-to", url, "--secret", SECRET, "--retry-after", "3600")
        eventually(lambda: listening(stage))
        for _ in range(2):
            publish(stage, builders.an_order(order_id=builders.fresh_order_id()))
        eventually(lambda: len(webhook.received) == 2)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=20)
    assert output.splitlines()[-1] == "2 events received, 1 not accepted by the webhook."


def test_without_a_secret_one_is_made_and_printed(stage: OperatedStage) -> None:
    process = stage.start("listen", "--forward-to", "http://127.0.0.1:9/")
    eventually(lambda: listening(stage))
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=20)
    (printed,) = re.findall(r"whsec_\S+", output)
    assert len(base64.b64decode(printed.removeprefix("whsec_"))) >= 24


def test_a_wrong_secret_of_the_environment_is_blamed_on_its_variable(stage: OperatedStage) -> None:
    stage.environment["ORDERS_WEBHOOK_SECRET"] = "nonsense"
    refused = stage.run("listen", "--forward-to", "http://127.0.0.1:9/")
    assert (refused.exit_code, "'ORDERS_WEBHOOK_SECRET'" in refused.stderr) == (2, True), refused.stderr
    assert "'--secret'" in stage.run("listen", "--secret", "nonsense").stderr
