"""`ordersctl queues`: depths, ages and lag, without receiving a message."""

import json
import os
import signal
import subprocess
import time
from dataclasses import replace

import pytest

from chalicelib.domain import clock
from ordersctl.shared.runs.state_file import Run
from testkit import builders
from testkit.waiting import eventually
from tests.tools.operate.stage import OperatedStage

pytestmark = pytest.mark.full  # reads attributes of queues only


def test_every_queue_is_shown_with_its_waiting_messages_those_in_flight_and_the_oldest(stage: OperatedStage) -> None:
    stage.send("queue", "a")
    stage.send("queue", "b")
    stage.sqs.receive_message(QueueUrl=stage.url("queue"), MaxNumberOfMessages=1, VisibilityTimeout=60)
    stage.send("invoicing-dlq", "c")
    rows = {row["full_name"].removeprefix("orders-local-"): row for row in stage.json("queues")["queues"]}
    assert (rows["queue"]["waiting"], rows["queue"]["in_flight"]) == (1, 1)
    assert 0 <= rows["queue"]["oldest"] < 60
    assert (rows["invoicing-dlq"]["waiting"], rows["invoicing-dlq"]["holds"]) == (1, "dead letters")
    assert rows["inventory"]["waiting"] == 0
    assert rows["inventory"]["oldest"] is None
    assert {"events-dlq", "queue-dlq", "fulfilment", "fulfilment-dlq"} <= rows.keys()


def test_each_queue_has_an_age_of_its_own(stage: OperatedStage) -> None:
    def oldest(queue: str) -> float:
        rows = {row["full_name"]: row["oldest"] for row in stage.json("queues")["queues"]}
        return float(rows[f"orders-local-{queue}"])

    stage.send("queue", "early")
    eventually(lambda: oldest("queue") > 1)
    stage.send("queue", "late")
    stage.send("invoicing", "late")
    assert oldest("queue") > 1
    assert oldest("invoicing") < oldest("queue") - 0.5


def state(stage: OperatedStage, queue: str) -> str:
    return next(str(row["state"]) for row in stage.json("queues")["queues"] if row["queue"] == queue)


def test_a_queue_that_nobody_reads_is_told_from_one_whose_reader_makes_no_progress(stage: OperatedStage) -> None:
    stage.sqs.set_queue_attributes(QueueUrl=stage.url("invoicing"), Attributes={"VisibilityTimeout": "0"})
    try:
        assert state(stage, "invoicing") == ""
        stage.send("invoicing", "a")
        eventually(lambda: state(stage, "invoicing") == "nobody consumes")
        said = stage.run("queues").stderr
        assert "No consumer of invoicing runs" in said  # and nothing of the others, with which all is well
        assert "resume invoicing starts" in said
        assert "--with-consumers" in said
        # another program receives the message, and does not delete it: once, as who has a look, then as a reader
        for expected in ("nobody consumes", "stuck"):
            stage.sqs.receive_message(QueueUrl=stage.url("invoicing"))
            assert state(stage, "invoicing") == expected
    finally:
        stage.sqs.set_queue_attributes(QueueUrl=stage.url("invoicing"), Attributes={"VisibilityTimeout": "30"})


def test_a_queue_is_read_while_its_process_of_the_run_is_alive(stage: OperatedStage) -> None:
    stage.send("invoicing", "a")
    eventually(lambda: state(stage, "invoicing") == "nobody consumes")
    noted = Run("", str(stage.state_dir), "", api="", engine="")
    replace(noted, processes={"run": 1, "invoicing": os.getpid(), "API": None}).write()
    assert state(stage, "invoicing") == ""
    ended = subprocess.Popen(["true"])  # noqa: S607 - any program that ends
    ended.wait()
    replace(noted, processes={"invoicing": ended.pid}).write()
    assert state(stage, "invoicing") == "nobody consumes"


def test_watching_measures_again_and_again_until_ctrl_c(stage: OperatedStage) -> None:
    process = stage.start("queues", "--watch", "--every", "1", "--json")
    assert process.stdout is not None
    measured = (json.loads(line) for line in process.stdout if line.startswith("{"))  # hints stand between
    before = next(measured)
    stage.send("inventory", "a")
    waiting = [each["waiting"] for each in (before, next(measured)) for each in each["queues"]]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert (process.returncode, sum(waiting)) == (0, 1)


def test_an_interval_without_watching_is_refused(stage: OperatedStage) -> None:
    assert stage.run("queues", "--every", "5").exit_code == 2


def test_showing_queues_receives_no_message(stage: OperatedStage) -> None:
    stage.send("queue", "a")
    for _ in range(6):
        stage.json("queues")
    (message,) = stage.sqs.receive_message(
        QueueUrl=stage.url("queue"), MessageSystemAttributeNames=["ApproximateReceiveCount"]
    )["Messages"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"


def test_the_lag_of_the_stream_counts_the_records_after_the_checkpoint(stage: OperatedStage) -> None:
    order_id = builders.fresh_order_id()
    stage.store(builders.an_order(order_id=order_id))
    (record,) = stage.stream_records(order_id)
    stage.checkpoint(record)
    assert stage.json("queues")["stream"][0]["records"] == 0
    stage.store(builders.an_order(order_id=builders.fresh_order_id()))
    (behind,) = stage.json("queues")["stream"]
    assert behind["records"] == 1
    assert 0 <= behind["lag"] < 60


def test_an_unknown_lag_is_not_shown_as_a_number_and_is_explained(stage: OperatedStage) -> None:
    """The run's checkpoints may be in another directory: then the whole stream would seem to wait."""
    stage.store(builders.an_order(order_id=builders.fresh_order_id()))
    result = stage.run("queues", "--json")
    (unknown,) = json.loads(result.stdout)["stream"]
    assert (unknown["records"], unknown["lag"]) == (None, None)
    assert "ORDERS_STATE_DIR" in result.stderr
    assert str(stage.state_dir) in result.stderr


def test_what_was_throttled_lately_is_counted_from_the_log(stage: OperatedStage) -> None:
    index = "arn:aws:dynamodb:us-east-1:000000000000:table/orders-local/index/by-customer"
    line = {"event": "dynamodb.throttled", "reason": "IndexWriteKeyRangeThroughputExceeded", "resource": index}
    times = [clock.from_seconds(time.time() - seconds) for seconds in (3_600, 60, 1)]
    logs = stage.state_dir / "logs"
    logs.mkdir(exist_ok=True)
    (logs / "handlers.log").write_text(
        "".join(json.dumps({"time": each, **line}) + "\n" for each in times).replace(": ", ":")
    )
    assert stage.json("queues")["throttled"] == [
        {"resource": "by-customer", "reason": "WriteKeyRangeThroughput", "events": 2}
    ]
    (logs / "handlers.log").unlink()


def test_a_terminal_gets_tables(stage: OperatedStage) -> None:
    stage.environment |= {"TTY_COMPATIBLE": "1", "TERM": "dumb"}
    shown = stage.run("queues").stdout
    assert "dead letters" in shown
    assert "The table's stream" in shown


def test_without_an_engine_the_command_says_how_to_start_it(stage: OperatedStage) -> None:
    stage.environment["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
    result = stage.run("queues")
    assert result.exit_code == 1
    assert "make run" in result.output
    assert "Traceback" not in result.output


def test_the_local_stage_uses_no_profile_of_the_machine(stage: OperatedStage) -> None:
    stage.environment["AWS_PROFILE"] = "nobody"
    assert stage.json("dlq", "list") == []
    assert stage.run("dlq", "list", "--stage", "dev").exit_code == 1


def test_another_stage_has_a_stack_of_its_own(stage: OperatedStage, engine_url: str) -> None:
    """The code for a stage on AWS: endpoint and credentials come from the environment, as boto3 reads them."""
    from ordersctl.local.engine import deploy  # noqa: PLC0415 - only here

    deploy(engine_url, stage="dev")
    stage.environment |= {
        "AWS_ENDPOINT_URL": engine_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    result = stage.run("dlq", "list", "--stage", "dev", "--region", "us-east-1", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])
    result = stage.run("dlq", "list", "--stage", "nowhere", "--region", "us-east-1")
    assert result.exit_code == 1
    assert "nowhere" in result.output


def test_a_stage_on_aws_is_not_looked_for_elsewhere_unsaid_and_its_region_is_asked_for(stage: OperatedStage) -> None:
    without = stage.run("dlq", "list", "--stage", "prod")
    assert "AWS_ENDPOINT_URL is set: stage prod is looked for at http" in without.stderr
    assert "You must specify a region. Name it by --region, or in the profile.\n" in without.stderr
