"""What takes a release back while its traffic is shifted: its own failures, and not those of a dependency."""

import io
import json
import uuid
from collections.abc import Callable

import pytest

from chalicelib.domain import order_ids
from ordersctl.deploy.release.publish import failures_of
from testkit.builders import CUSTOMER, an_order, command
from testkit.lambda_events import stream_event
from testkit.metric_filters import matching
from tests.service.harness import ServiceHarness, throttled, timed_out, unreachable

RELEASE = "0123abcd"


@pytest.fixture(autouse=True)
def release(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELEASE", RELEASE)


def break_everything(harness: ServiceHarness, error: Callable[[], Exception]) -> int:
    """Send a request, a message and a record while each of their calls to AWS raises this error; return the answer."""
    for adapter, operation in (
        (harness.wiring.order_table(), "GetItem"),
        (harness.wiring.order_table(), "PutItem"),
        (harness.wiring.publisher(), "PublishBatch"),
    ):
        harness.fail(adapter, operation, lambda _body: error())
    order_id = order_ids.mint(harness.wiring.id_secret(), CUSTOMER)
    status = harness.api().get(f"/orders/{order_id}").status
    harness.process(json.dumps(command(order_id=order_id)))
    harness.publish(stream_event((None, an_order(order_id=order_id))))
    harness.end_faults()
    return status


@pytest.mark.parametrize("error", [throttled, unreachable, timed_out])
def test_a_fault_of_aws_takes_no_release_back(
    harness: ServiceHarness, log: io.StringIO, monkeypatch: pytest.MonkeyPatch, error: Callable[[], Exception]
) -> None:
    harness.report_failures(monkeypatch)
    assert break_everything(harness, error) == 503
    failed = {line["event"] for line in matching(log, '{ $.event = "*.failed" }')}
    assert failed == {"request.failed", "message.failed", "publish.failed"}
    assert matching(log, failures_of(RELEASE)) == []


def test_a_bug_takes_its_release_back_in_the_api_the_processor_and_the_publisher(
    harness: ServiceHarness, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.report_failures(monkeypatch)
    assert break_everything(harness, lambda: ValueError("a bug")) == 500
    assert len(matching(log, failures_of(RELEASE))) == 3
    assert matching(log, failures_of("another")) == []


def test_an_item_that_the_release_cannot_read_takes_it_back(harness: ServiceHarness, log: io.StringIO) -> None:
    order = an_order(order_id=f"ord_{uuid.uuid4().hex}")
    harness.put(order)
    key = {"order_id": {"S": order.order_id}}
    harness.dynamodb.update_item(TableName="orders-tests", Key=key, UpdateExpression="REMOVE fingerprint")
    assert harness.api().get(f"/orders/{order.order_id}").status == 500
    (line,) = matching(log, failures_of(RELEASE))
    assert line["event"] == "request.failed"
