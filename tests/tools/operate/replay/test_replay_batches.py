"""`replay --to`: events go to one consumer's queue ten at a time, and a failed entry is not taken for a sent one."""

import json
from dataclasses import replace
from typing import Any

import click
import pytest

from chalicelib.domain.events import OrderEvent
from ordersctl.operate.replay import targets
from ordersctl.operate.replay.orders import event_of
from ordersctl.shared.queues.stage_queues import Queue
from ordersctl.shared.stage import Stage
from testkit import builders

QUEUE = Queue("inventory", "consumer", "https://sqs.example/1/orders-x-inventory")
FIFO_QUEUE = Queue("billing", "consumer", "https://sqs.example/1/orders-x-billing.fifo")


class BatchClient:
    """boto3's client for SendMessageBatch; the entry at `fails` fails `times` times."""

    def __init__(self, *, fails: int | None = None, times: int = 0) -> None:
        self.batches: list[list[dict[str, Any]]] = []
        self._fails, self._times = fails, times

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803, ARG002
        self.batches.append(Entries)
        failed = [each for each in Entries if each["Id"] == str(self._fails) and self._times > 0]
        self._times -= len(failed)
        return {
            "Successful": [{"Id": each["Id"]} for each in Entries if each not in failed],
            "Failed": [{"Id": each["Id"], "Code": "InternalError", "SenderFault": False} for each in failed],
        }

    def client(self, _service: str, **_: Any) -> "BatchClient":
        return self


def send_to(client: Any, queue: Queue, events: list[OrderEvent]) -> int:
    return targets.to_consumer(Stage("x", client, {}), queue)(events)


def some_events(count: int) -> list[OrderEvent]:
    orders = [builders.an_order(order_id=builders.fresh_order_id()) for _ in range(count)]
    return [event_of(order, source="urn:orders:x") for order in orders]


def test_twenty_five_events_are_sent_in_three_calls() -> None:
    client, events = BatchClient(), some_events(25)
    assert send_to(client, QUEUE, events) == 25
    assert [len(batch) for batch in client.batches] == [10, 10, 5]
    sent = [entry["MessageBody"] for batch in client.batches for entry in batch]
    assert sent == [event.to_json() for event in events]
    assert client.batches[0][0]["MessageAttributes"]["replayed"]["StringValue"] == "true"


def test_an_event_to_a_fifo_queue_goes_in_its_orders_group_under_its_own_id() -> None:
    client, events = BatchClient(), some_events(1)
    send_to(client, FIFO_QUEUE, events)
    ((entry,),) = client.batches
    assert (entry["MessageGroupId"], entry["MessageDeduplicationId"]) == (events[0].subject, events[0].id)


def test_an_entry_that_failed_for_a_moment_is_sent_again_alone() -> None:
    client = BatchClient(fails=3, times=1)
    assert send_to(client, QUEUE, some_events(5)) == 5
    assert [len(batch) for batch in client.batches] == [5, 1]


def test_an_entry_that_goes_on_failing_stops_the_replay_and_is_named() -> None:
    client, events = BatchClient(fails=3, times=100), some_events(5)
    with pytest.raises(click.ClickException, match=f"{events[3].id} was not published: InternalError"):
        send_to(client, QUEUE, events)


@pytest.mark.parametrize(
    ("policy", "scope"),
    [
        ({"subject": ["another"]}, "MessageBody"),
        ({"type": ["order.cancelled"]}, "MessageBody"),
        ({"data": {"currency": ["EUR"]}}, "MessageBody"),
        ({"type": {"currency": ["EUR"]}}, "MessageAttributes"),
        ({"type": "order.cancelled"}, "MessageAttributes"),
        ({"type": [{"prefix": "order.c"}]}, "MessageAttributes"),
        ({"type": ["order.cancelled"]}, "of a later SNS"),
    ],
    ids=str,
)
def test_a_filter_that_is_not_understood_leaves_nothing_out(
    policy: Any, scope: str, capsys: pytest.CaptureFixture[str]
) -> None:
    queue = replace(QUEUE, filter_policy=json.dumps(policy), filter_scope=scope)
    assert send_to(BatchClient(), queue, some_events(1)) == 1
    assert "The filter of inventory is not applied" in capsys.readouterr().err


@pytest.mark.parametrize(("policy", "sent"), [('{"type": ["order.cancelled"]}', 0), ("{}", 1), (None, 1)])
def test_a_filter_of_attributes_by_lists_of_texts_is_applied(
    policy: str | None, sent: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert send_to(BatchClient(), replace(QUEUE, filter_policy=policy), some_events(1)) == sent
    assert capsys.readouterr().err == ""
