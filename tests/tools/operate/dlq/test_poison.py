"""Poison at each place of a local run delays no other order; it is found, shown, fixed and redriven by commands."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from chalicelib.domain import events
from chalicelib.domain.orders import Order, OrderStatus
from ordersctl.local.event_sources.invocation import Function
from ordersctl.local.event_sources.sqs import QueueMapping
from ordersctl.local.tokens import SERVICE_SCOPE, local_token
from testkit import builders, lambda_events
from testkit.servers.local_run import LocalRun
from testkit.waiting import eventually
from tests.tools.operate.stage import OperatedStage

ORDERS = 12


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRun]:
    own = LocalRun.start(tmp_path_factory.mktemp("poisoned"))
    try:
        yield own.ready()
    finally:
        own.stop()


@pytest.fixture
def stage(run: LocalRun) -> OperatedStage:
    operated = OperatedStage(run.engine_url, run.state_dir)
    # The run's own directory has its logs; the keys are where the service reads them.
    operated.environment["ORDERS_TOKEN"] = local_token(subject="operator", scope=SERVICE_SCOPE)
    return operated


def place(stage: OperatedStage, run: LocalRun) -> str:
    """Place an order with `ordersctl trigger`; returns its id."""
    return str(stage.json("trigger", "--url", run.url)["order_id"])


def event_of(order: Order) -> dict[str, Any]:
    event = events.between(None, order, source="urn:orders:local")
    assert event is not None
    document: dict[str, Any] = json.loads(event.to_json())
    return document


class InventoryConsumer:
    """A consumer of the inventory queue that fails on every body that is no event."""

    def __init__(self, stage: OperatedStage) -> None:
        self.handled: Counter[str] = Counter()
        policy = {"deadLetterTargetArn": stage.arn("inventory-dlq"), "maxReceiveCount": "2"}
        stage.sqs.set_queue_attributes(
            QueueUrl=stage.url("inventory"),
            Attributes={"VisibilityTimeout": "1", "RedrivePolicy": json.dumps(policy)},
        )
        self.mapping = QueueMapping(
            sqs=stage.sqs,
            queue_url=stage.url("inventory"),
            queue_arn=stage.arn("inventory"),
            function=Function("inventory", self._handle, reports_failures=True),
            report=lambda _line: None,
            wait_seconds=1,
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll)

    def __enter__(self) -> "InventoryConsumer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _poll(self) -> None:
        while not self._stop.is_set():
            self.mapping.poll()

    def _handle(self, event: Any, _context: Any) -> dict[str, Any]:
        failed = []
        for record in event["Records"]:
            try:
                self.handled[json.loads(record["body"])["id"]] += 1
            except (KeyError, TypeError, ValueError):
                failed.append({"itemIdentifier": record["messageId"]})
        return {"batchItemFailures": failed}


@pytest.mark.full  # twenty seconds; the dlq tests beside it cover each place by itself
def test_poison_at_each_place_is_found_shown_fixed_and_redriven(
    stage: OperatedStage, run: LocalRun, tmp_path: Path
) -> None:
    order = builders.an_order(order_id=builders.fresh_order_id())
    event = event_of(order)
    with InventoryConsumer(stage) as consumer:
        ids = [place(stage, run) for _ in range(ORDERS // 2)]
        # Poison for the processor, for the publisher and for a consumer, each between good orders.
        misspelt = builders.command(order_id=builders.fresh_order_id(), placed="now")
        stage.send("queue", misspelt)
        stage.dynamodb.put_item(
            TableName="orders-local", Item={"order_id": {"S": order.order_id}, "status": {"S": "?"}}
        )
        stage.send("inventory", "{" + json.dumps(event))
        ids += [place(stage, run) for _ in range(ORDERS // 2)]
        # The good orders are processed.
        eventually(lambda: {f"{order_id}.1" for order_id in ids} <= consumer.handled.keys())
        # Each poison is found.
        dead_letters = eventually(lambda: _three_dead_letters(stage))
        assert set(dead_letters) == {"orders", "events", "inventory"}
        reasons = {queue: each["reason"] for queue, each in dead_letters.items()}
        assert "not a command envelope" in reasons["orders"]
        assert "not an order's item" in reasons["events"]
        # Each is shown, fixed by hand, and redriven.
        fixed = {
            "orders": {name: value for name, value in misspelt.items() if name != "placed"},
            "events": lambda_events.stream_record(None, order),
            "inventory": event,
        }
        for queue, each in dead_letters.items():
            file = tmp_path / f"{queue}.json"
            assert stage.run("dlq", "show", each["id"], "--out", str(file)).exit_code == 0
            assert file.read_text() != ""
            file.write_text(json.dumps(fixed[queue]))
            stage.json("dlq", "redrive", each["id"], "--with", str(file), "--yes")
        # Every accepted order, the fixed command, and the event of the fixed record, which arrives in two ways.
        expected = {f"{each}.1" for each in [*ids, misspelt["order_id"], order.order_id]}
        eventually(lambda: consumer.handled.keys() == expected and consumer.handled.total() == len(expected) + 1)
    assert consumer.handled[event["id"]] == 2
    assert stage.json("dlq", "list") == []
    assert Counter(each["id"] for each in stage.take_events("invoicing")) == Counter(expected)
    stored = stage.stored(misspelt["order_id"])
    assert isinstance(stored, Order)
    assert stored.status == OrderStatus.PLACED


def _three_dead_letters(stage: OperatedStage) -> dict[str, Any]:
    dead_letters = {row["queue"]: row for row in stage.json("dlq", "list")}
    return dead_letters if len(dead_letters) == 3 else {}


def test_a_sample_order_is_moved_to_delivered_and_its_trace_is_shown(stage: OperatedStage, run: LocalRun) -> None:
    order_id = place(stage, run)
    eventually(lambda: stage.stored(order_id))
    for status in ("confirmed", "shipped", "delivered"):
        assert stage.json("trigger", order_id, "--url", run.url)["status"] == status
    result = stage.run("trigger", order_id, "--url", run.url)
    assert (result.exit_code, "no next status" in result.output) == (1, True)
    assert "409" in stage.run("trigger", order_id, "--to", "cancelled", "--url", run.url).output

    rows = eventually(lambda: _when_published(stage, order_id, 4))
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
    what = [row["what"] for row in rows]
    for event, count in {"order.accepted": 1, "order.placed": 1, "order.updated": 3, "event.published": 4}.items():
        assert what.count(event) == count, what
    assert {row["where"] for row in rows} == {"api", "handlers", "table"}
    assert rows[-1]["after_ms"] > 0
    stage.environment |= {"TTY_COMPATIBLE": "1", "TERM": "dumb"}
    shown = stage.run("trace", order_id).stdout
    assert "now: delivered" in shown
    assert shown.count(rows[0]["correlation_id"]) == 1


def _when_published(stage: OperatedStage, order_id: str, count: int) -> list[dict[str, Any]] | None:
    rows: list[dict[str, Any]] = stage.json("trace", order_id)
    return rows if [row["what"] for row in rows].count("event.published") == count else None


def test_an_order_whose_command_failed_is_traced_to_its_dead_letter(stage: OperatedStage) -> None:
    order_id = builders.fresh_order_id()
    stage.send("queue-dlq", builders.command(order_id=order_id), reason="hopeless")
    (row,) = stage.json("trace", order_id)
    assert (row["where"], row["what"]) == ("orders-local-queue-dlq", "dead letter")
    assert "hopeless" in row["details"]
    stage.json("dlq", "drop", "--order", order_id, "--yes")
    assert "rejected" in stage.run("trace", order_id).stdout


def test_trace_reports_an_id_without_an_order_as_unknown(stage: OperatedStage) -> None:
    assert "nothing is known" in stage.run("trace", builders.fresh_order_id()).output
    assert stage.run("trace", "ord_1").exit_code == 2


def test_trigger_without_a_service_says_what_to_do(stage: OperatedStage) -> None:
    assert "make run" in stage.run("trigger", "--url", "http://127.0.0.1:9").output
    assert stage.run("trigger", "--to", "shipped").exit_code == 2


def test_a_client_reads_a_dropped_order_as_rejected(stage: OperatedStage, run: LocalRun) -> None:
    """The order does not stay `accepted` permanently for the client that placed it."""
    command, token = stage.accepted_but_not_placed(), stage.environment["ORDERS_TOKEN"]
    path = f"/orders/{command['order_id']}?customer_id={command['customer_id']}"
    with httpx.Client(base_url=run.url, headers={"Authorization": f"Bearer {token}"}, trust_env=False) as client:
        assert client.get(path).json()["status"] == "accepted"
        stage.send("queue-dlq", command, reason="hopeless")
        stage.json("dlq", "drop", "--order", command["order_id"], "--yes")
        assert client.get(path).json()["status"] == "rejected"
