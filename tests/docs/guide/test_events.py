"""docs/guide/events.md: its template is deployed, its program is run, and its events are valid."""

import json
import os
import random
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import boto3
import pytest
from jsonschema import Draft7Validator

from chalicelib.domain.events import OrderEvent
from ordersctl.contract import event_schemas
from ordersctl.shared.engine_client import client_options
from ordersctl.shared.project import PROJECT_DIR
from testkit.builders import line
from testkit.waiting import eventually
from tests.consumers.harness import Api
from tests.service.events.topics import EventTopics, random_events
from tests.unit.adapters.test_event_topic import an_event

PAGE = (PROJECT_DIR / "docs" / "guide" / "events.md").read_text()


def block(language: str) -> str:
    """The page's first block in a language."""
    found = re.search(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def test_the_event_on_the_page_is_valid() -> None:
    event = json.loads(block("json"))
    Draft7Validator(event_schemas.schemas()[event["type"]]).validate(event)


def test_every_type_and_attribute_is_on_the_page() -> None:
    for event_type, schema in event_schemas.schemas().items():
        assert f"`{event_type}`" in PAGE or f"`.{event_type.removeprefix('order.')}`" in PAGE
        named = schema["properties"].keys() - {"specversion", "source", "type", "datacontenttype", "sequencetype"}
        assert [name for name in named - {"dataschema"} if f"`{name}`" not in PAGE] == []
    for name in event_schemas.asyncapi()["components"]["schemas"]["attributes"]["properties"]:
        assert f"`{name}`" in PAGE.partition("## Filters")[2]


def blocks(language: str) -> str:
    """All of the page's blocks in a language, as a reader pastes them one after the other."""
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


def make_stage(engine_url: str, topic_arn: str) -> None:
    """Make the stack of a stage that has this topic: a stack with an output needs a resource, too."""
    cloudformation = boto3.client("cloudformation", **client_options(engine_url))
    template = {
        "Resources": {"Nothing": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {"EventTopicArn": {"Value": topic_arn}},
    }
    cloudformation.create_stack(StackName="orders-page", TemplateBody=json.dumps(template))
    waiter = cloudformation.get_waiter("stack_create_complete")
    waiter.wait(StackName="orders-page", WaiterConfig={"Delay": 0, "MaxAttempts": 500})


@contextmanager
def pasted(folder: Path, engine_url: str, api_url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Save the page's template and program, and run its commands, with a fake of the AWS CLI."""
    (folder / "consumer.yaml").write_text(block("yaml"))
    (folder / "consumer.py").write_text(block("python"))
    aws = folder / "aws"
    aws.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m tests.docs.guide.aws_cli "$@"\n')
    aws.chmod(0o700)
    script = blocks("sh").partition("aws sqs send-message")[0]  # which is for another terminal
    for usual, ours in {
        "http://127.0.0.1:4566": engine_url,
        "http://127.0.0.1:8000": api_url,
        "STAGE=local": "STAGE=page",
        ".venv/bin/python": shlex.quote(sys.executable),
    }.items():
        assert usual in script
        script = script.replace(usual, ours)
    environment = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "PYTHONPATH": str(PROJECT_DIR),
        "ORDERS_STATE_DIR": str(folder),
    }
    command = ["bash", "-ec", script]
    process = subprocess.Popen(command, cwd=folder, env={**os.environ, **environment}, start_new_session=True)  # noqa: S603
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def queue_of_the_page(engine_url: str) -> str:
    """The URL of the queue that the page's stack made."""
    (stack,) = boto3.client("cloudformation", **client_options(engine_url)).describe_stacks(StackName="my-team-orders")[
        "Stacks"
    ]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    assert outputs["QueueArn"].endswith(outputs["QueueUrl"].rpartition("/")[2])
    return str(outputs["QueueUrl"])


def message_by_hand(order_id: str) -> str:
    """The body that the page's `aws sqs send-message` sends for an order."""
    (command,) = re.findall(r"^aws sqs send-message .*$", PAGE, re.MULTILINE)
    return shlex.split(command.replace("$ORDER_ID", order_id))[-1]


def left_in(sqs: Any, queue_url: str) -> int:
    """How many messages the queue has, received ones too."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)


@pytest.mark.full  # a handful of processes; make test checks the page's event, and every published format
def test_a_consumer_written_from_the_page_works_first_time(topics: EventTopics, tmp_path: Path) -> None:
    topic, chance = topics.topic(), random.Random(4)
    make_stage(topics.engine_url, topic.arn)
    events = list(random_events(150, seed=4))
    thin = an_event(items=[line(name="é" * 200, sku="s" * 64)] * 600)
    last: dict[str, OrderEvent] = {event.subject: event for event in [*events, thin]}
    shuffled = [*events, *chance.sample(events, 50), thin]
    chance.shuffle(shuffled)

    expected = {
        order_id: (int(event.sequence), (event.data or {})["status"], (event.data or {}).get("total"))
        for order_id, event in last.items()
    }
    database = tmp_path / "inbox.db"

    with Api().running() as api, pasted(tmp_path, topics.engine_url, api.url) as consumer:
        api.keep(thin.data or {})

        def kept() -> dict[str, tuple[Any, ...]] | None:
            """What the consumer has, None while it has no table."""
            assert consumer.poll() is None
            if not database.exists():
                return None
            try:
                rows = sqlite3.connect(database, timeout=5).execute("SELECT * FROM inbox").fetchall()
            except sqlite3.OperationalError:  # the file is there before its table
                return None
            return {order_id: tuple(rest) for order_id, *rest in rows}

        eventually(lambda: kept() is not None)  # by then it is subscribed
        sqs, queue_url = boto3.client("sqs", **client_options(topics.engine_url)), queue_of_the_page(topics.engine_url)
        # The program goes on after both, and leaves them in the queue. The second is the page's own message by hand,
        # about an order that this API does not have.
        sqs.send_message(QueueUrl=queue_url, MessageBody="not JSON")
        sqs.send_message(QueueUrl=queue_url, MessageBody=message_by_hand("ord_unknown"))
        assert topic.publish(shuffled) == []
        eventually(lambda: kept() == expected)
        eventually(lambda: left_in(sqs, queue_url) == 2)
        # By hand, a thin event of an order that the API has.
        by_hand = {"order_id": "ord_by_hand", "version": 3, "status": "shipped", "total": 5}
        api.keep(by_hand)
        sqs.send_message(QueueUrl=queue_url, MessageBody=message_by_hand("ord_by_hand"))
        eventually(lambda: (kept() or {}).get("ord_by_hand") == (3, "shipped", 5))
    assert f"/orders/{thin.subject}" in {path for _, path, *_ in api.calls}
    assert {call[3]["authorization"] for call in api.calls} == {"Bearer a token"}
    assert parse_qs(api.token_requests[0][1])["client_id"] == ["my-team"]


def test_the_subscription_has_every_event_that_the_program_needs() -> None:
    assert "FilterPolicy" not in block("yaml"), "the program keeps each order's status: a filter would leave it stale"
