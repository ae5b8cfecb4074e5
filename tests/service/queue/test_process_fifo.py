"""process_orders on a FIFO queue: a message group stops at its first failure, and other groups go on."""

import json
from typing import Any

import pytest

from chalicelib.domain.errors import Fault
from testkit.builders import command, fresh_order_id, new_order
from testkit.lambda_events import sqs_event
from tests.service.harness import ServiceHarness, throttled
from tests.service.queue.test_process import a_command, order_at


def fifo_event(*messages: tuple[str, str]) -> dict[str, Any]:
    """An event of a FIFO queue, of (message group, body)."""
    event = sqs_event(*(body for _, body in messages))
    for record, (group, _) in zip(event["Records"], messages, strict=True):
        record["eventSourceARN"] += ".fifo"
        record["attributes"]["MessageGroupId"] = group
    return event


def same_key_twice() -> tuple[str, str, str]:
    """An order id, and two different commands for it: only the first may be stored."""
    order_id = fresh_order_id()
    first, second = (json.dumps(command(order_id=order_id, order=new_order(note=note))) for note in ("first", "second"))
    return order_id, first, second


def test_on_a_fifo_queue_a_group_stops_at_its_first_failure_and_other_groups_go_on(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.report_failures(monkeypatch)
    order_id, first, second = same_key_twice()
    other_id, other = a_command()
    event = fifo_event((order_id, first), (other_id, other), (order_id, second), (order_id, "garbage"))
    harness.fail(harness.wiring.order_table(), "PutItem", lambda sent: throttled() if '"first"' in sent else None)
    answer = harness.process_event(event)
    assert answer == {"batchItemFailures": [{"itemIdentifier": name} for name in ("m0", "m2", "m3")]}
    assert harness.stored(order_id) is None
    assert order_at(harness, other_id).version == 1
    harness.end_faults()
    assert harness.process_event(event) == {"batchItemFailures": []}
    assert order_at(harness, order_id).note == "first"
    assert sorted(harness.quarantined()) == [
        ("garbage", "not JSON"),
        (second, "idempotency-key-reused: another order has this id"),
    ]


def test_where_failures_are_not_reported_only_what_precedes_a_group_s_failure_is_deleted(
    harness: ServiceHarness,
) -> None:
    order_id, first, second = same_key_twice()
    event = fifo_event((order_id, "garbage"), (order_id, first), (order_id, second))
    harness.fail(harness.wiring.order_table(), "PutItem", lambda sent: throttled() if '"first"' in sent else None)
    deleted: list[str] = []
    harness.fail(harness.wiring.order_queue(), "DeleteMessageBatch", deleted.append)
    with pytest.raises(Fault, match="could not be deleted"):  # the handles are invented
        harness.process_event(event)
    assert ["handle-0" in deleted[0], "handle-1" in deleted[0], "handle-2" in deleted[0]] == [True, False, False]


def test_on_a_standard_queue_a_message_group_stops_nothing(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There the group is the customer, for fairness (SQS guide, "fair queues"), and promises no order."""
    harness.report_failures(monkeypatch)
    (one_id, one), (two_id, two) = a_command(), a_command()
    event = sqs_event(one, two)
    for record in event["Records"]:
        record["attributes"]["MessageGroupId"] = "a customer"
    harness.fail(harness.wiring.order_table(), "PutItem", lambda sent: throttled() if one_id in sent else None)
    assert harness.process_event(event) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert order_at(harness, two_id).version == 1
