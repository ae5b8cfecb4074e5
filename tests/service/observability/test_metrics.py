"""The metrics that CloudWatch counts in the functions' log lines."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from chalicelib.http.auth.key_set import KeySet, KeysUnavailable
from ordersctl.estimate.cost.per_order import Load
from ordersctl.shared import templates
from testkit.builders import an_order, command, fresh_order_id, new_order
from testkit.lambda_events import stream_event
from testkit.metric_filters import counted, filters
from tests.service.harness import ServiceHarness, throttled

ALARMS = templates.load(templates.MONITORING)["Resources"]


def counts(log: io.StringIO) -> dict[str, int]:
    """Metric -> count, of the metrics whose values are all 1."""
    return {name: len(values) for name, values in counted(log).items() if set(values) == {1.0}}


def test_the_apis_answers_are_counted(harness: ServiceHarness, log: io.StringIO) -> None:
    api = harness.api()
    key = fresh_order_id()
    order_id = api.post("/orders", new_order(), Idempotency_Key=key).json["order_id"]
    harness.process_queue()
    api.post("/orders", new_order(), Idempotency_Key=key)
    api.post("/orders", new_order(note="another"), Idempotency_Key=key)
    api.call("PATCH", f"/orders/{order_id}", '{"note": "n"}', Content_Type="application/json", If_Match='"9"')
    api.get("/orders/ord_none")
    found = counts(log)
    assert (found["Accepted"], found["Replayed"], found["RequestConflicts"]) == (1, 1, 2)


def test_the_processors_outcomes_are_counted(harness: ServiceHarness, log: io.StringIO) -> None:
    ids = [fresh_order_id() for _ in range(3)]
    bodies = [json.dumps(command(order_id=order_id)) for order_id in ids]
    other = json.dumps(command(order_id=ids[0], order=new_order(note="another order under this id")))
    refused = json.dumps(command(order_id=fresh_order_id(), order={"items": []}))
    harness.process(*bodies)
    harness.process(bodies[1], other, refused, "garbage")
    found = counted(log)
    assert {name: len(found[name]) for name in ("Placed", "Duplicates", "Rejected", "Quarantined", "Conflicts")} == {
        "Placed": 3,
        "Duplicates": 1,
        "Rejected": 1,
        "Quarantined": 2,
        "Conflicts": 1,
    }
    assert len(found["PlacedAfter"]) == 4  # milliseconds; the duplicate's was logged with the first
    assert min(found["PlacedAfter"]) >= 0


def test_the_publishers_outcomes_are_counted(harness: ServiceHarness, log: io.StringIO) -> None:
    event: Any = stream_event(*[(None, an_order(order_id=fresh_order_id())) for _ in range(3)])
    del event["Records"][1]["dynamodb"]["NewImage"]["status"]
    harness.publish(event)
    found = counted(log)
    assert (len(found["Published"]), len(found["PublishedAfter"]), len(found["Quarantined"])) == (2, 2, 1)


def test_the_processors_alarm_counts_each_message_that_the_table_fails(
    harness: ServiceHarness, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The invocation succeeds all the same: AWS/Lambda's Errors stay 0."""
    harness.report_failures(monkeypatch)
    harness.fail(harness.wiring.order_table(), "PutItem", lambda _body: throttled())
    report = harness.process(*(json.dumps(command(order_id=fresh_order_id())) for _ in range(2)))
    harness.end_faults()
    assert len(report["batchItemFailures"]) == 2
    assert counts(log) == {ALARMS["ProcessorRetryAlarm"]["Properties"]["MetricName"]: 2}


def test_the_publishers_alarm_counts_each_step_that_the_topic_fails(
    harness: ServiceHarness, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.report_failures(monkeypatch)
    harness.fail(harness.wiring.publisher(), "PublishBatch", lambda _body: throttled())
    report = harness.publish(stream_event((None, an_order(order_id=fresh_order_id()))))
    harness.end_faults()
    assert len(report["batchItemFailures"]) == 1
    assert counts(log) == {ALARMS["PublisherRetryAlarm"]["Properties"]["MetricName"]: 1}


def test_the_publishers_alarm_counts_a_bug_and_a_dead_letter_queue_that_fails(
    harness: ServiceHarness, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.report_failures(monkeypatch)
    harness.fail(harness.wiring.event_dead_letters(), "SendMessage", lambda _body: throttled())
    event: Any = stream_event((None, an_order(order_id=fresh_order_id())))
    del event["Records"][0]["dynamodb"]["NewImage"]["status"]
    harness.publish(event)
    harness.end_faults()
    monkeypatch.delattr(harness.wiring.publisher().__class__, "publish")
    harness.publish(stream_event((None, an_order(order_id=fresh_order_id()))))
    assert counts(log) == {ALARMS["PublisherRetryAlarm"]["Properties"]["MetricName"]: 2}


@pytest.mark.parametrize("name", ["ProcessorRetryAlarm", "PublisherRetryAlarm"])
def test_one_failure_that_passes_raises_no_alarm_and_three_of_one_message_do(name: str) -> None:
    alarm = ALARMS[name]["Properties"]
    visibility = templates.every_parameter()["OrderQueueVisibility"]["Default"]
    assert (alarm["Statistic"], alarm["Period"], alarm["DatapointsToAlarm"]) == ("Sum", 60, 3)
    assert templates.defaults()[alarm["Threshold"]["Ref"]] == 1
    # Three receives are in as many different minutes, the last one in the next minute but one or later: in the window.
    assert 2 * visibility < (alarm["EvaluationPeriods"] - 1) * 60
    # Before the fifth receive fails, after which the message is a dead letter.
    assert alarm["EvaluationPeriods"] * 60 < 4 * visibility


def test_a_failed_download_of_the_issuers_keys_is_counted(log: io.StringIO, tmp_path: Path) -> None:
    with pytest.raises(KeysUnavailable):
        KeySet(str(tmp_path / "missing.json")).current()
    assert counts(log) == {"KeysUnreadable": 1}


def test_each_metric_is_of_one_stage_and_costs_nothing_while_it_has_no_value() -> None:
    for each in filters():
        (metric,) = each["MetricTransformations"]
        assert metric["MetricNamespace"] == {"Fn::Sub": "Orders/${Stage}"}
        assert "Dimensions" not in metric  # each value of one would be a metric that is billed by itself
        assert "DefaultValue" not in metric or metric["MetricName"] == "Conflicts"


def test_a_response_is_as_large_as_the_cost_model_assumes(harness: ServiceHarness) -> None:
    answer = harness.api().post("/orders", new_order())
    headers = {"HTTP/1.1 202": "Accepted", "Content-Length": "78", **answer.headers}
    ours = sum(len(f"{name}: {value}\r\n") for name, value in headers.items()) + len(answer.body)
    # API Gateway adds Date, Connection, x-amzn-RequestId, x-amz-apigw-id and X-Amzn-Trace-Id.
    assert (ours + 260) / 1024 == pytest.approx(Load().answer_kb, rel=0.05)


def test_log_lines_are_as_long_as_the_cost_model_assumes(harness: ServiceHarness, log: io.StringIO) -> None:
    """Bytes; a trace context, which few callers send, is 75 more."""
    order_id = harness.api().post("/orders", new_order()).json["order_id"]
    (body,) = harness.process_queue()
    assert len(json.loads(body)["correlation_id"]) == 36  # as API Gateway's request ids are
    placed = harness.stored(order_id)
    harness.publish(stream_event((None, placed)))
    accept, process, publish = (len(line.encode()) for line in log.getvalue().splitlines())
    model = Load()
    for found, modelled in (
        (accept, model.accept_line_bytes),
        (process, model.process_line_bytes),
        (publish, model.publish_line_bytes),
    ):
        assert found == pytest.approx(modelled, abs=6)  # an age has one digit or several
