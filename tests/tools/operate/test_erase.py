"""`ordersctl erase`: nothing is left of a customer, whatever way their orders were on, and nobody else is touched."""

import json
from typing import Any

import pytest

from chalicelib.domain.orders import ErasedOrder, Order
from testkit import builders, lambda_events
from tests.tools.operate.dlq.dead_letters import an_event
from tests.tools.operate.stage import OperatedStage

OTHER = "13047"


def an_order_of(customer: str, number: int = 0) -> Order:
    return builders.an_order(
        order_id=builders.fresh_order_id(customer),
        customer_id=customer,
        placed_at=f"2026-01-31T12:{number // 60:02}:{number % 60:02}.000Z",
    )


def report(erased: int, *, dead_letters: dict[str, int] | None = None) -> dict[str, Any]:
    return {
        "erased": erased,
        "dead_letters_deleted": dead_letters or {},
        "dead_letters_of_consumers": {},
        "dead_letters_held": {},
        "left": 0,
        "complete": True,
    }


def test_a_customers_orders_are_shown_and_erased_only_after_confirmation(stage: OperatedStage) -> None:
    order = an_order_of(builders.CUSTOMER)
    stage.store(order)
    refused = stage.run("erase", "--customer", builders.CUSTOMER, answer="n\n")
    assert "orders, placed" in refused.output
    assert (refused.exit_code, stage.stored(order.order_id)) == (1, order)
    agreed = stage.run("erase", "--customer", builders.CUSTOMER, answer="y\n")
    assert "1 order of 17850 erased." in agreed.output
    tombstone = stage.stored(order.order_id)
    assert isinstance(tombstone, ErasedOrder)
    assert tombstone.version == 2


def test_every_order_is_erased_and_no_other_customers(stage: OperatedStage) -> None:
    theirs, others = an_order_of(OTHER), [an_order_of(builders.CUSTOMER, number) for number in range(120)]
    stage.store_many([theirs, *others])
    assert stage.json("erase", "--customer", builders.CUSTOMER, "--yes", "--rate", "1000") == report(120)
    assert all(isinstance(stage.stored(order.order_id), ErasedOrder) for order in others)
    assert stage.stored(theirs.order_id) == theirs


def test_erasing_again_changes_nothing(stage: OperatedStage) -> None:
    order = an_order_of(builders.CUSTOMER)
    stage.store(order)
    stage.json("erase", "--customer", builders.CUSTOMER, "--yes")
    tombstone = stage.stored(order.order_id)
    assert stage.json("erase", "--customer", builders.CUSTOMER, "--yes") == report(0)
    assert stage.stored(order.order_id) == tombstone


def test_while_older_orders_wait_on_the_queue_the_erasure_is_not_complete(stage: OperatedStage) -> None:
    order = an_order_of(builders.CUSTOMER)
    stage.send("queue", builders.command(order_id=order.order_id))
    result = stage.run("erase", "--customer", builders.CUSTOMER, "--yes", "--wait", "0")
    assert "still holds orders that were accepted before: run the command again" in result.output
    assert result.exit_code == 1
    stage.take("queue")
    stage.store(order)  # as the processor does
    assert stage.json("erase", "--customer", builders.CUSTOMER, "--yes") == report(1)


def test_an_order_on_its_way_is_waited_for_and_erased(stage: OperatedStage) -> None:
    order = an_order_of(builders.CUSTOMER)
    stage.send("queue", builders.command(order_id=order.order_id))
    process = stage.start("erase", "--customer", builders.CUSTOMER, "--yes")
    stage.store(order)  # as the processor does: it stores, then deletes the message
    stage.take("queue")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert isinstance(stage.stored(order.order_id), ErasedOrder)


def test_a_dead_letters_order_can_never_be_stored_any_more(stage: OperatedStage) -> None:
    theirs, others = builders.fresh_order_id(), builders.fresh_order_id(OTHER)
    stage.send("queue-dlq", builders.command(order_id=theirs), reason="why")
    stage.send("queue-dlq", builders.command(order_id=others, customer_id=OTHER), reason="why")
    done = stage.json("erase", "--customer", builders.CUSTOMER, "--yes")
    assert done == report(0, dead_letters={"orders": 1})
    assert isinstance(stage.stored(theirs), ErasedOrder)
    assert [row["order_id"] for row in stage.json("dlq", "list")] == [others]


def test_a_dead_letter_under_another_orders_id_does_not_touch_that_order(stage: OperatedStage) -> None:
    order = an_order_of(OTHER)
    stage.store(order)
    stage.send("queue-dlq", builders.command(order_id=order.order_id), reason="idempotency-key-reused")
    assert stage.json("erase", "--customer", builders.CUSTOMER, "--yes")["dead_letters_deleted"] == {"orders": 1}
    assert stage.stored(order.order_id) == order


def test_records_that_could_not_be_published_go_and_the_erasures_own_record_stays(stage: OperatedStage) -> None:
    order = an_order_of(builders.CUSTOMER)
    stage.store(order)
    stage.send("events-dlq", lambda_events.stream_record(None, order), reason="InvalidParameter")
    assert stage.json("erase", "--customer", builders.CUSTOMER, "--yes") == report(1, dead_letters={"events": 1})
    tombstone = stage.stored(order.order_id)
    stage.send("events-dlq", lambda_events.stream_record(order, tombstone), reason="InvalidParameter")
    assert stage.json("erase", "--customer", builders.CUSTOMER, "--yes") == report(0)
    assert stage.depth("events-dlq") == 1


def test_dead_letters_of_consumers_are_counted_for_their_teams(stage: OperatedStage) -> None:
    stage.send("inventory-dlq", an_event(an_order_of(builders.CUSTOMER)))
    done = stage.json("erase", "--customer", builders.CUSTOMER, "--yes")
    assert done["dead_letters_of_consumers"] == {"inventory": 1}
    assert stage.depth("inventory-dlq") == 1


@pytest.mark.parametrize(
    ("queue", "name"), [("queue-dlq", "orders"), ("events-dlq", "events"), ("inventory-dlq", "inventory")]
)
def test_while_another_command_holds_dead_letters_the_erasure_is_not_complete(
    stage: OperatedStage, queue: str, name: str
) -> None:
    order_id = builders.fresh_order_id()
    stage.send(queue, builders.command(order_id=order_id), reason="why")
    url = stage.url(queue)
    (held,) = stage.sqs.receive_message(QueueUrl=url, VisibilityTimeout=900)["Messages"]  # as a redrive that asks
    result = stage.run("erase", "--customer", builders.CUSTOMER, "--yes", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == report(0) | {"dead_letters_held": {name: 1}, "complete": False}
    assert f"1 dead letter of {name} is held by another command" in result.stderr
    stage.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=held["ReceiptHandle"], VisibilityTimeout=0)
    assert stage.json("erase", "--customer", builders.CUSTOMER, "--yes")["complete"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--customer", "x", "--wait", "nan"],
        *(["--customer", each] for each in ("", "ann ", "guest#1", "a/b", "a\nb")),
    ],
)
def test_a_wrong_option_is_a_message_and_exit_status_2(stage: OperatedStage, arguments: list[str]) -> None:
    assert stage.run("erase", *arguments).exit_code == 2
