"""The commands of an operator: queues, dead letters, replays, traces, erasures, pauses, prices, events."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ordersctl.cli import main
from ordersctl.shared.runs.state_file import Run
from testkit import builders
from testkit.waiting import eventually
from tests.tools.operate.stage import OperatedStage
from tests.tools.printed.form import Form

pytestmark = pytest.mark.full  # the form of the output only

REASON = "not a command envelope: the message has no field `order_id`, which names the order that it places"
LONG = "-".join(["orders", "consumers", "prod", "InvoicingEventsQueue", "ABCABCABCABC"])  # as a template makes names
Print = Callable[..., Result]


@pytest.fixture
def printed(stage: OperatedStage, form: Form) -> Print:
    """Run a command on the stage, whose processor is said to run: what waits is no matter of seconds."""
    Run("", str(stage.state_dir), "", api="", engine="", processes={"event sources": os.getpid()}).write()
    return lambda *arguments: form.run(*arguments, environment=stage.environment)


@pytest.fixture
def order_id(stage: OperatedStage) -> str:
    """A placed order with a log line; its event is published."""
    order = builders.an_order(order_id=builders.fresh_order_id())
    stage.store(order)
    logs = stage.state_dir / "logs"
    logs.mkdir()
    line = {"event": "order.placed", "order_id": order.order_id, "placed_after_ms": 41}
    seconds = f"{order.placed_at[:20]}{int(order.placed_at[20:23]) + 95:03}Z"
    (logs / "handlers.log").write_text(json.dumps(line | {"time": seconds, "correlation_id": order.correlation_id}))
    stage.publisher_catches_up()
    return order.order_id


@pytest.fixture
def template_made(stage: OperatedStage) -> Iterator[str]:
    """A consumer's queue with a long name, which is subscribed to the events."""
    url = stage.sqs.create_queue(QueueName=LONG)["QueueUrl"]
    topic = stage.sns.list_topics()["Topics"][0]["TopicArn"]
    subscribed = stage.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=stage.queue_arn(url))
    yield url
    stage.sns.unsubscribe(SubscriptionArn=subscribed["SubscriptionArn"])
    stage.sqs.delete_queue(QueueUrl=url)


@pytest.mark.usefixtures("template_made")
def test_queues(stage: OperatedStage, form: Form, printed: Print, order_id: str) -> None:
    printed("pause", "invoicing")
    stage.send("queue", builders.command(order_id=order_id))
    stage.send("queue-dlq", "{}", reason=REASON)
    form.check("queues", printed("queues"))


def test_dlq_list(stage: OperatedStage, form: Form, printed: Print, order_id: str) -> None:
    stage.send("queue-dlq", builders.command(order_id=order_id), reason=REASON)
    form.check("dlq list", printed("dlq", "list"))


def test_dlq_show(stage: OperatedStage, form: Form, printed: Print) -> None:
    id_ = stage.send("queue-dlq", {"note": "not an order"}, reason=REASON)
    form.check("dlq show", printed("dlq", "show", id_))


def test_dlq_redrive(stage: OperatedStage, form: Form, printed: Print) -> None:
    stage.send("queue-dlq", stage.accepted_but_not_placed(), reason="a bug that is fixed")
    stage.send("queue-dlq", "{}", reason=REASON)
    form.check("dlq redrive", printed("dlq", "redrive", "--all", "--yes"), status=1)


def test_dlq_drop(stage: OperatedStage, form: Form, printed: Print) -> None:
    stage.send("queue-dlq", "{}", reason=REASON)
    form.check("dlq drop", printed("dlq", "drop", "--all", "--yes"), DIR=str(stage.state_dir))


@pytest.mark.usefixtures("order_id")
def test_replay(form: Form, printed: Print) -> None:
    form.check("replay", printed("replay", "--customer", builders.CUSTOMER, "--yes"))


def test_trace(form: Form, printed: Print, order_id: str) -> None:
    form.check("trace", printed("trace", order_id))


def test_erase(stage: OperatedStage, form: Form, printed: Print, order_id: str) -> None:
    stage.send("queue-dlq", builders.command(order_id=order_id), reason=REASON)
    stage.send("invoicing-dlq", {"data": {"order_id": order_id, "customer_id": builders.CUSTOMER}})
    form.check("erase", printed("erase", "--customer", builders.CUSTOMER, "--yes"))


def test_pause_and_resume(form: Form, printed: Print) -> None:
    form.check("pause", printed("pause", "processor", "invoicing"))
    form.check("resume", printed("resume", "processor", "invoicing"))


def test_prices(stage: OperatedStage, form: Form, printed: Print, tmp_path: Path) -> None:
    for page in stage.dynamodb.get_paginator("scan").paginate(TableName="orders-local-prices"):
        for each in page["Items"]:
            key: Any = {name: each[name] for name in ("sku", "currency")}
            stage.dynamodb.delete_item(TableName="orders-local-prices", Key=key)
    file = tmp_path / "prices.csv"
    file.write_text("sku,currency,unit_price\n85123A,GBP,255\n")
    form.check("prices load", printed("prices", "load", str(file), "--yes"))
    form.check("prices show", printed("prices", "show", "85123A"))


def test_listen(stage: OperatedStage, form: Form, printed: Print) -> None:
    """An event is published when the command has subscribed."""
    topic = stage.sns.list_topics()["Topics"][0]["TopicArn"]
    before = len(stage.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"])
    event = {"time": builders.NOW, "type": "order.placed", "id": f"{builders.fresh_order_id()}.1"}
    body = json.dumps(event | {"data": {"total": 1530, "currency": "GBP"}})

    def publish() -> None:
        eventually(lambda: len(stage.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]) > before)
        stage.sns.publish(TopicArn=topic, Message=body)

    publishing = threading.Thread(target=publish)
    publishing.start()
    form.check("listen", printed("listen", "--count", "1"))
    publishing.join()


@pytest.mark.parametrize("name", ["prod", "production", "dev"])
@pytest.mark.parametrize("colours", [True, False])
def test_a_question_names_stage_and_account_and_is_red_for_production(
    stage: OperatedStage, monkeypatch: pytest.MonkeyPatch, *, name: str, colours: bool
) -> None:
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "made-up")
    environment = {**stage.environment, **({} if colours else {"NO_COLOR": "1"})}
    asked = CliRunner().invoke(
        main, ["pause", "processor", "--stage", name, "--region", "us-east-1"], env=environment, color=True
    )
    assert f"Stage {name} of account 000000000000" in asked.output
    assert ("\x1b[31m" in asked.output) == (colours and name != "dev")
