"""The operator's commands on a stage with customers under several keys of the index."""

from collections.abc import Iterator

import pytest

from chalicelib.domain.orders import ErasedOrder, Order
from chalicelib.settings import SpreadCustomer
from ordersctl.local.engine import deploy
from testkit import builders, lambda_events
from testkit.servers.engine import running_engine
from tests.tools.operate.stage import OperatedStage

pytestmark = pytest.mark.full  # an engine of its own

SPREAD = {"guest": SpreadCustomer(4, 4, is_people=True), "market-7": SpreadCustomer(8, 8, is_people=False)}


@pytest.fixture(scope="module")
def spread(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatedStage]:
    directory = tmp_path_factory.mktemp("spread")
    with running_engine(directory) as url:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SPREAD_CUSTOMERS", "guest=4:people,market-7=8")
            deploy(url, stage="local")
        stage = OperatedStage(url, directory)
        yield stage
        stage.end()


def guests_order() -> Order:
    return builders.an_order(order_id=builders.fresh_order_id("guest"), customer_id="guest")


def test_replay_finds_all_orders_of_a_customer(spread: OperatedStage) -> None:
    orders = [guests_order() for _ in range(30)]
    spread.store(*orders, spread=SPREAD)
    spread.publisher_catches_up()
    assert spread.json("replay", "--customer", "guest", "--yes")["read"] == 30
    events = spread.take_events("invoicing")
    assert {event["subject"] for event in events} == {order.order_id for order in orders}
    assert {event["data"]["customer_id"] for event in events} == {"guest"}


def test_an_order_that_is_given_up_is_stored_under_its_own_key(spread: OperatedStage) -> None:
    order_ids = [builders.fresh_order_id("guest") for _ in range(8)]
    for order_id in order_ids:
        spread.send("queue-dlq", builders.command(order_id=order_id, customer_id="guest"), reason="too late")
    archive = str(spread.state_dir / "kept.json")
    spread.json("dlq", "drop", "--queue", "orders", "--all", "--yes", "--archive", archive)
    keys = {spread.index_key(order_id) for order_id in order_ids}
    assert "guest" in keys or len(keys) > 1
    assert all(key.partition("#")[0] == "guest" for key in keys)
    assert any("#" in key for key in keys)


@pytest.mark.parametrize(("customer", "group"), [("guest", None), ("market-7", "market-7"), ("17850", "17850")])
def test_a_redriven_command_has_the_group_that_the_api_gives_it(
    spread: OperatedStage, customer: str, group: str | None
) -> None:
    command = builders.command(order_id=builders.fresh_order_id(customer), customer_id=customer)
    spread.send("queue-dlq", command, reason="the table was away")
    spread.json("dlq", "redrive", "--queue", "orders", "--yes")
    (message,) = spread.sqs.receive_message(
        QueueUrl=spread.url("queue"), MessageSystemAttributeNames=["MessageGroupId"]
    )["Messages"]
    assert message.get("Attributes", {}).get("MessageGroupId") == group
    spread.sqs.delete_message(QueueUrl=spread.url("queue"), ReceiptHandle=message["ReceiptHandle"])


def test_an_erasure_deletes_dead_records_under_every_key_and_no_other_customers(spread: OperatedStage) -> None:
    orders = [guests_order() for _ in range(8)]
    spread.store(*orders, spread=SPREAD)
    assert any("#" in spread.index_key(order.order_id) for order in orders)
    others = builders.an_order(order_id=builders.fresh_order_id())
    tombstone = ErasedOrder(order_id=others.order_id, version=2, updated_at=builders.NOW, correlation_id="c")
    for record in (
        *(lambda_events.stream_record(None, order, spread=SPREAD) for order in orders),
        lambda_events.stream_record(None, others),
        lambda_events.stream_record(others, tombstone),
        *({"dynamodb": {"NewImage": {"customer_id": key}}} for key in ({"S": 1}, "guest", None)),
    ):
        spread.send("events-dlq", record, reason="InvalidParameter")
    assert spread.json("erase", "--customer", "guest", "--yes")["dead_letters_deleted"] == {"events": len(orders)}
    assert len(spread.take("events-dlq")) == 5
