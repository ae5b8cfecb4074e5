"""`ordersctl trace` of a local order: the lines of each process's log, and advice when there is no log."""

import json
from pathlib import Path

import pytest
from orders_consumer import Consumer
from service_token import ServiceToken

from chalicelib.domain import events
from ordersctl.local.consumers import make_inbox
from testkit import builders
from tests.tools.operate.stage import OperatedStage

pytestmark = pytest.mark.full  # reads log files of processes

INBOX = "inbox-of-a-trace"


def write_log(stage: OperatedStage, name: str, text: str) -> None:
    path: Path = stage.state_dir / "logs" / f"{name}.log"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def test_a_sample_consumers_line_is_in_its_place_in_time(
    stage: OperatedStage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine_url = stage.environment["AWS_ENDPOINT_URL"]
    secrets = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in {"AWS_ENDPOINT_URL": engine_url, **secrets}.items():
        monkeypatch.setenv(name, value)
    order = builders.an_order(order_id=builders.fresh_order_id())
    event = events.between(None, order, source="urn:orders:local")
    assert event is not None
    make_inbox(engine_url, INBOX)
    token = ServiceToken("http://127.0.0.1:9", "inventory", lambda: "")  # never asked for: the event is whole
    Consumer("inventory", INBOX, "http://127.0.0.1:9", token).handle(event.to_json(), lambda _order, _move: {})
    write_log(stage, "inventory", capsys.readouterr().out)
    stage.store(order)  # the order was placed long before
    rows = stage.json("trace", order.order_id)
    assert [(row["where"], row["what"]) for row in rows][-1] == ("inventory", "inventory.handled")
    assert rows[-1]["time"].endswith("Z")
    assert len(rows[-1]["time"]) == len(builders.NOW)
    assert rows[-1]["after_ms"] > 0


def test_a_line_without_a_time_comes_last(stage: OperatedStage) -> None:
    order_id = builders.fresh_order_id()
    ids = {"order_id": order_id, "correlation_id": "c-1"}
    write_log(stage, "billing", json.dumps({"event": "billing.handled", **ids}) + "\nnot JSON " + order_id)
    write_log(stage, "handlers", json.dumps({"event": "order.placed", "time": builders.NOW, **ids}))
    rows = stage.json("trace", order_id)
    assert [(row["what"], row["time"], row["after_ms"]) for row in rows] == [
        ("order.placed", builders.NOW, 0),
        ("billing.handled", None, None),
    ]
    assert "billing.handled" in stage.run("trace", order_id).stdout


def test_when_no_log_names_the_order_it_says_where_it_looked(stage: OperatedStage) -> None:
    order = builders.an_order(order_id=builders.fresh_order_id())
    stage.store(order)
    result = stage.run("trace", order.order_id, "--json")
    assert [row["where"] for row in json.loads(result.stdout)] == ["table", "table"]
    assert "ORDERS_STATE_DIR" in result.stderr
    assert str(stage.state_dir) in result.stderr
    write_log(stage, "api", json.dumps({"event": "seen", "time": builders.NOW, "order_id": order.order_id}))
    assert stage.run("trace", order.order_id).stderr == ""


def test_an_order_that_a_paused_processor_leaves_waiting_is_said_to_wait(stage: OperatedStage) -> None:
    order_id = builders.fresh_order_id()
    line = {"event": "order.accepted", "order_id": order_id, "time": builders.NOW, "correlation_id": "c"}
    write_log(stage, "api", json.dumps(line))
    (stage.state_dir / "run.json").write_text("{}")
    assert "waits in the order queue.\n" in stage.run("trace", order_id).stderr
    stage.run("pause", "processor")
    assert "waits in the order queue. The processor is paused: " in stage.run("trace", order_id).stderr


def test_a_dead_letter_that_another_command_holds_may_be_the_orders(stage: OperatedStage) -> None:
    order_id = builders.fresh_order_id()
    write_log(stage, "api", json.dumps({"event": "order.accepted", "order_id": order_id, "time": builders.NOW}))
    stage.send("queue-dlq", builders.command(order_id=order_id), reason="why")
    stage.sqs.receive_message(QueueUrl=stage.url("queue-dlq"), VisibilityTimeout=900)  # as a redrive that asks
    traced = stage.run("trace", order_id)
    assert "Another command holds 1 dead letter, which may be this order's.\n" in traced.stderr
    assert "waits in the order queue" not in traced.stderr
