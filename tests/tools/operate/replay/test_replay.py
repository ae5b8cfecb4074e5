"""`ordersctl replay`: the current state of orders is published again, under the ids of the original events."""

import json
from typing import Any

import pytest

from chalicelib.adapters import order_items
from chalicelib.domain import events
from chalicelib.domain.orders import TRANSITIONS, Order, OrderStatus
from ordersctl.operate.replay.orders import event_of
from testkit import builders
from tests.tools.operate.stage import OperatedStage

SOURCE = "urn:orders:local"


def changed(order: Order, status: OrderStatus) -> Order:
    return order.change(None, status=status, reason=None, by_service=True, now=builders.LATER)


def original_event(before: Order | None, after: Order) -> dict[str, Any]:
    event = events.between(before, after, source=SOURCE)
    assert event is not None
    document: dict[str, Any] = json.loads(event.to_json())
    return document


def every_status() -> list[tuple[Order | None, Order]]:
    """(before, after) of each change of status that is legal, and of an order's beginning, also by an import."""
    first = builders.an_order()
    found: list[tuple[Order | None, Order]] = [
        (None, first),
        # A rejected order has no other version; an imported one begins in any status.
        *((None, builders.an_order(status=status)) for status in TRANSITIONS if status != OrderStatus.PLACED),
    ]
    reached: dict[str, Order] = {OrderStatus.PLACED: first}
    for status in TRANSITIONS:
        for target in sorted(TRANSITIONS[status]):
            after = changed(reached[status], target)
            found.append((reached[status], after))
            reached.setdefault(target, after)
    return found


@pytest.mark.parametrize(("before", "after"), every_status(), ids=lambda order: order.status if order else "nothing")
def test_a_replayed_event_is_the_original_marked_as_replayed(before: Order | None, after: Order) -> None:
    replayed = json.loads(event_of(after, source=SOURCE).to_json())
    first = original_event(before, after)
    if after.status == OrderStatus.CANCELLED and after.version > 2:
        del first["data"]["previous_status"]  # placed or confirmed: the stored order does not say which
    assert replayed == first | {"replayed": True}


def test_a_change_without_a_new_status_is_replayed_as_changed(stage: OperatedStage) -> None:
    order = builders.an_order(order_id=builders.fresh_order_id(), version=3, updated_at=builders.LATER)
    stage.store(order)
    stage.publisher_catches_up()
    stage.json("replay", "--order", order.order_id, "--yes")
    (event,) = stage.take_events("invoicing")
    assert (event["type"], event["id"], event["replayed"]) == ("order.changed", f"{order.order_id}.3", True)


def test_a_customers_orders_are_replayed_to_every_subscriber_by_its_filter(stage: OperatedStage) -> None:
    mine = [builders.an_order(order_id=builders.fresh_order_id()) for _ in range(3)]
    shipped = changed(changed(mine[2], OrderStatus.CONFIRMED), OrderStatus.SHIPPED)
    stage.store(*mine[:2], shipped, builders.an_order(order_id=builders.fresh_order_id(), customer_id="other"))
    stage.publisher_catches_up()
    assert stage.json("replay", "--customer", builders.CUSTOMER, "--yes") == {
        "read": 3,
        "sent": 3,
        "filtered": 0,
        "unreadable": 0,
        "left": 0,
    }
    assert {event["subject"] for event in stage.take_events("invoicing")} == {order.order_id for order in mine}
    assert {event["subject"] for event in stage.take_events("inventory")} == {order.order_id for order in mine[:2]}


def test_a_replay_to_one_consumer_applies_its_filter_and_reaches_no_other(stage: OperatedStage) -> None:
    order = builders.an_order(order_id=builders.fresh_order_id())
    confirmed = changed(builders.an_order(order_id=builders.fresh_order_id()), OrderStatus.CONFIRMED)
    stage.store(order, confirmed)
    stage.publisher_catches_up()
    asked = ("replay", "--since", "2026-01-01", "--to", "inventory", "--yes")
    assert stage.json(*asked) == {"read": 2, "sent": 1, "filtered": 1, "unreadable": 0, "left": 0}
    assert "1 event sent; 1 left out by the filter of inventory." in stage.run(*asked).stdout
    message, _ = stage.take("inventory")
    assert json.loads(message["Body"])["subject"] == order.order_id
    assert message["MessageAttributes"]["replayed"]["StringValue"] == "true"
    assert [stage.depth(queue) for queue in ("invoicing", "fulfilment")] == [0, 0]
    assert stage.run("replay", "--since", "2026-01-01", "--to", "nobody", "--yes").exit_code == 2


def test_a_consumer_gets_no_events_without_the_envelope_that_it_expects_and_a_filter_of_the_body_is_not_applied(
    stage: OperatedStage,
) -> None:
    topic = stage.sns.list_topics()["Topics"][0]["TopicArn"]
    stage.sqs.create_queue(QueueName="orders-local-by-body")
    filtered = {"FilterPolicyScope": "MessageBody", "FilterPolicy": json.dumps({"data": {"currency": ["EUR"]}})}
    subscribed = stage.sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=stage.arn("by-body"), Attributes=filtered, ReturnSubscriptionArn=True
    )
    order = builders.an_order(order_id=builders.fresh_order_id())
    stage.store(order)
    stage.publisher_catches_up()
    refused = stage.run("replay", "--order", order.order_id, "--to", "by-body", "--yes")
    stage.sns.set_subscription_attributes(
        SubscriptionArn=subscribed["SubscriptionArn"], AttributeName="RawMessageDelivery", AttributeValue="true"
    )
    result = stage.run("replay", "--order", order.order_id, "--to", "by-body", "--yes")
    stage.sns.unsubscribe(SubscriptionArn=subscribed["SubscriptionArn"])
    assert (refused.exit_code, "expects the envelope of SNS" in refused.stderr) == (1, True)
    assert "1 event sent.\n" in result.stdout
    assert "The filter of by-body is not applied" in result.stderr
    assert [event["subject"] for event in stage.take_events("by-body")] == [order.order_id]
    stage.sqs.delete_queue(QueueUrl=stage.url("by-body"))


def test_a_time_window_selects_orders_by_their_last_change_erased_ones_too(stage: OperatedStage) -> None:
    early = builders.an_order(order_id=builders.fresh_order_id())
    later = changed(builders.an_order(order_id=builders.fresh_order_id()), OrderStatus.CONFIRMED)
    erased = builders.an_order(order_id=builders.fresh_order_id()).erase("2026-01-31T14:00:00.000Z")
    stage.store(early, later, erased)
    stage.publisher_catches_up()
    stage.json("replay", "--since", builders.NOW, "--until", builders.LATER, "--yes")
    assert [event["subject"] for event in stage.take_events("invoicing")] == [early.order_id]
    stage.json("replay", "--since", "2026-01-31T13:00+00:00", "--yes")
    replayed = {event["subject"]: event for event in stage.take_events("invoicing")}
    assert set(replayed) == {later.order_id, erased.order_id}
    assert replayed[erased.order_id]["type"] == "order.erased"


@pytest.mark.parametrize(
    "asked",
    [
        (),
        ("--order", builders.ORDER_ID, "--customer", "c"),
        ("--until", "2026-01-01"),
        ("--since", "yesterday"),
        ("--since", "2026-01-02", "--until", "2026-01-01"),
        ("--order", "bad"),
    ],
    ids=["nothing", "two things", "an end without a beginning", "no time", "an end before the beginning", "no id"],
)
def test_options_that_contradict_each_other_are_refused(stage: OperatedStage, asked: tuple[str, ...]) -> None:
    assert stage.run("replay", *asked, "--yes").exit_code == 2


def test_an_unreadable_item_is_skipped_counted_and_reported(stage: OperatedStage) -> None:
    good, broken = (builders.an_order(order_id=builders.fresh_order_id()) for _ in range(2))
    stage.store(good)
    item = order_items.to_item(broken)
    del item["fingerprint"]
    stage.dynamodb.put_item(TableName="orders-local", Item=item)
    stage.publisher_catches_up()
    for asked, sent in (
        (("--since", "2026-01-01"), 1),
        (("--customer", builders.CUSTOMER), 1),
        (("--order", broken.order_id), 0),
    ):
        result = stage.run("replay", *asked, "--yes", "--json")
        assert (result.exit_code, json.loads(result.stdout)["sent"], json.loads(result.stdout)["unreadable"]) == (
            1,
            sent,
            1,
        )
        assert f"{broken.order_id} is skipped" in result.stderr
        assert [event["subject"] for event in stage.take_events("invoicing")] == [good.order_id] * sent
    assert "1 skipped" in stage.run("replay", "--since", "2026-01-01", "--yes").stdout


def test_after_a_missing_order_or_a_no_at_the_prompt_nothing_is_replayed(stage: OperatedStage) -> None:
    stage.publisher_catches_up()
    assert "no order" in stage.run("replay", "--order", builders.ORDER_ID, "--yes").output
    stage.store(builders.an_order())
    stage.publisher_catches_up()
    assert stage.run("replay", "--order", builders.ORDER_ID, answer="n\n").exit_code == 1
    assert stage.depth("invoicing") == 0


def test_orders_of_some_statuses_are_replayed_each_as_the_event_of_its_status(stage: OperatedStage) -> None:
    # As an import stores it, in its first version.
    imported = builders.an_order(order_id=builders.fresh_order_id(), status=OrderStatus.CONFIRMED)
    delivered = builders.an_order(order_id=builders.fresh_order_id(), status=OrderStatus.DELIVERED)
    stage.store(imported, delivered)
    stage.publisher_catches_up()
    options = ("--since", "2026-01-01", "--status", "placed", "--status", "confirmed", "--to", "fulfilment", "--yes")
    assert stage.json("replay", *options)["sent"] == 1
    (event,) = stage.take_events("fulfilment")
    assert (event["type"], event["subject"]) == ("order.confirmed", imported.order_id)
