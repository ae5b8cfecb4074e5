"""docs/guide/events.md: its template is deployed, its program is run, and its events are valid."""

import json
import os
import random
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
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
WANTED = {"order.placed", "order.changed", "order.cancelled", "order.erased"}


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


def deployed(engine_url: str, topic_arn: str) -> str:
    """Deploy the page's template; returns its queue's URL."""
    cloudformation = boto3.client("cloudformation", **client_options(engine_url))
    parameters: Any = [{"ParameterKey": "TopicArn", "ParameterValue": topic_arn}]
    cloudformation.create_stack(StackName="a-new-team", TemplateBody=block("yaml"), Parameters=parameters)
    waiter = cloudformation.get_waiter("stack_create_complete")
    waiter.wait(StackName="a-new-team", WaiterConfig={"Delay": 0, "MaxAttempts": 500})
    (output,) = cloudformation.describe_stacks(StackName="a-new-team")["Stacks"][0]["Outputs"]
    return output["OutputValue"]


def test_a_consumer_written_from_the_page_works_first_time(topics: EventTopics, tmp_path: Path) -> None:
    topic, chance = topics.topic(), random.Random(4)
    queue_url = deployed(topics.engine_url, topic.arn)
    events = list(random_events(150, seed=4))
    thin = an_event(items=[line(name="é" * 200, sku="s" * 64)] * 600)
    last: dict[str, OrderEvent] = {event.subject: event for event in [*events, thin] if event.type in WANTED}
    shuffled = [*events, *chance.sample(events, 50), thin]
    chance.shuffle(shuffled)

    with Api().running() as api:
        api.answers["GET"] = (200, thin.data)
        program, database = tmp_path / "consumer.py", tmp_path / "inbox.db"
        program.write_text(block("python"))
        environment = {
            "QUEUE_URL": queue_url,
            "DATABASE": str(database),
            "ORDERS_API_URL": api.url,
            "ORDERS_TOKEN": "a token",
            "AWS_ENDPOINT_URL": topics.engine_url,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
        }
        consumer = subprocess.Popen([sys.executable, str(program)], env={**os.environ, **environment})  # noqa: S603
        try:
            assert topic.publish(shuffled) == []
            expected = {
                order_id: (int(event.sequence), (event.data or {})["status"], (event.data or {}).get("total"))
                for order_id, event in last.items()
            }

            def kept() -> bool:
                assert consumer.poll() is None
                if not database.exists():
                    return False
                try:
                    rows = sqlite3.connect(database, timeout=5).execute("SELECT * FROM inbox").fetchall()
                except sqlite3.OperationalError:  # the file is there before its table
                    return False
                return {order_id: tuple(rest) for order_id, *rest in rows} == expected

            eventually(kept)
        finally:
            consumer.kill()
            consumer.wait()
    assert api.calls[0][1] == f"/orders/{thin.subject}"
