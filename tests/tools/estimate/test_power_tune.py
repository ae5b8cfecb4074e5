"""`ordersctl power-tune` on a function in the embedded engine, and its parts on behaviour that the engine lacks."""

import base64
import io
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import click
import pytest
from botocore.stub import Stubber
from click.testing import CliRunner, Result

from ordersctl.estimate.power_tuning import command
from ordersctl.estimate.power_tuning.lambda_reports import Report, last_report
from ordersctl.estimate.power_tuning.temporary_settings import Function, arguments, borrowed, with_reports
from ordersctl.local.engine import HEALTH, client_options, engine, get_json
from ordersctl.local.processes import stop
from ordersctl.shared.project import PROJECT_DIR
from testkit.waiting import eventually, free_port

CODE = """
import os, time

def handler(event, context):
    if event.get("fails"):
        raise ValueError("as the event asks")
    time.sleep(40 / int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]))
    return event.get("answer")
"""
QUIET = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "WARN", "LogGroup": "/aws/lambda/f"}
LOUD = QUIET | {"SystemLogLevel": "INFO"}
OWN = {"MemorySize": 300, "LoggingConfig": QUIET}


# --- on the embedded engine -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    state_dir = tmp_path_factory.mktemp("lambda")
    (state_dir / "logs").mkdir()
    port = free_port()
    child = engine(port, state_dir)
    child.environment = {**child.environment, "SERVICES": "iam,lambda,logs,s3,sts"}
    child.start()
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: get_json(url + HEALTH))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", url)
            yield url
    finally:
        stop([child])


@pytest.fixture(scope="module")
def function(url: str) -> Function:
    """A function of 300 MB that logs JSON and only failures; the more memory, the faster."""
    client = boto3.client("lambda", **client_options(url))
    client.create_function(
        FunctionName="f",
        Runtime=f"python3.{sys.version_info.minor}",
        Role="arn:aws:iam::000000000000:role/none",
        Handler="code.handler",
        Code={"ZipFile": zipped(CODE)},
        Timeout=10,
        **OWN,
    )
    return Function(client, "f", pause_seconds=0)


def zipped(code: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("code.py", code)
    return content.getvalue()


def options(tmp_path: Path, event: str, *more: str) -> list[str]:
    payload = tmp_path / "event.json"
    payload.write_text(event)
    return ["f", "--payload", str(payload), "--memory", "128", "--memory", "1024", *more]


def tune(tmp_path: Path, event: str, *more: str) -> Result:
    return CliRunner().invoke(command.power_tune, options(tmp_path, event, "--times", "2", *more))


def test_it_names_the_cheapest_and_the_fastest_and_restores_the_settings(function: Function, tmp_path: Path) -> None:
    done = tune(tmp_path, "{}")
    assert done.exit_code == 0, done.output
    rows = {line.split("│")[1].strip(): line for line in done.output.splitlines() if line.startswith("│")}
    assert "fastest" in rows["1024"]
    assert "fastest" not in rows["128"]
    assert done.output.count("cheapest") == 1
    assert function.settings() == OWN


def test_the_settings_of_a_function_that_fails_are_restored(function: Function, tmp_path: Path) -> None:
    done = tune(tmp_path, '{"fails": true}')
    assert done.exit_code == 1
    assert "fails on this payload" in done.output
    assert function.settings() == OWN


@pytest.mark.parametrize(
    "answer", [{"statusCode": 503, "body": ""}, {"batchItemFailures": [{"itemIdentifier": "1"}]}], ids=str
)
def test_a_response_that_reports_a_failure_is_no_measurement(
    function: Function, tmp_path: Path, answer: dict[str, Any]
) -> None:
    done = tune(tmp_path, json.dumps({"answer": answer}))
    assert done.exit_code == 1
    assert "fails on this payload" in done.output
    assert function.settings() == OWN


@pytest.mark.parametrize("answer", [{"statusCode": 202}, {"batchItemFailures": []}, "done"], ids=str)
def test_any_other_response_is_a_measurement(function: Function, tmp_path: Path, answer: object) -> None:
    assert function.settings() == OWN
    done = tune(tmp_path, json.dumps({"answer": answer}))
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("event", ["", "{", "order"])
def test_a_payload_that_is_no_json_changes_nothing(tmp_path: Path, event: str) -> None:
    done = tune(tmp_path, event)
    assert done.exit_code == 2
    assert "is no JSON" in done.output
    assert "give back by hand" not in done.output


@pytest.mark.parametrize(
    ("name", "part"), [("accept", "requestContext"), ("process", "Records"), ("publish", "Records")]
)
def test_there_is_a_payload_for_each_function(name: str, part: str) -> None:
    done = subprocess.run(  # noqa: S603 - this project's own command
        [sys.executable, "-m", "bench.instructions.lambda_events", name],
        cwd=PROJECT_DIR,
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout)[part]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_middle_restores_the_settings(
    url: str, function: Function, tmp_path: Path, number: int
) -> None:
    command = [sys.executable, "-m", "ordersctl", "power-tune", *options(tmp_path, "{}", "--times", "1000")]
    with subprocess.Popen(  # noqa: S603 - this project's own command
        command,
        env=os.environ | {"AWS_ENDPOINT_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            eventually(lambda: function.settings() == {"MemorySize": 128, "LoggingConfig": LOUD})
            process.send_signal(number)
            output, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 1, output
    assert output.startswith(
        "If this is killed, give back by hand what f had:\n  aws lambda update-function-configuration"
    )
    assert "f has 300 MB and its logging again" in output
    assert function.settings() == OWN


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_a_plot_is_written(function: Function, tmp_path: Path, suffix: str) -> None:
    plot = tmp_path / f"plot.{suffix}"
    done = tune(tmp_path, "{}", "--plot", str(plot))
    assert done.exit_code == 0, done.output
    start = plot.read_bytes()[:200]
    assert b"<?xml" in start if suffix == "svg" else start.startswith(b"\x89PNG")
    assert function.settings() == OWN


# --- behaviour that the engine lacks: refused updates, reports in JSON ------------------------------------------------


@pytest.fixture
def stubbed() -> Iterator[tuple[Function, Stubber]]:
    """A function whose calls to AWS must each be expected, in order."""
    client = boto3.client("lambda", region_name="eu-west-1", aws_access_key_id="none", aws_secret_access_key="none")
    with Stubber(client) as stub:
        yield Function(client, "f", pause_seconds=0), stub
        stub.assert_no_pending_responses()


def expect_update(stub: Stubber, **settings: Any) -> None:
    stub.add_response("update_function_configuration", {}, {"FunctionName": "f", **settings})
    stub.add_response("get_function", {"Configuration": {"LastUpdateStatus": "Successful"}}, {"FunctionName": "f"})


def refuse_update(stub: Stubber, code: str) -> None:
    stub.add_client_error("update_function_configuration", code, expected_params={"FunctionName": "f", **OWN})


def test_restoring_is_retried_while_another_update_is_in_progress(stubbed: tuple[Function, Stubber]) -> None:
    function, stub = stubbed
    stub.add_response("get_function_configuration", OWN)
    expect_update(stub, MemorySize=128, LoggingConfig=LOUD)
    refuse_update(stub, "ResourceConflictException")
    refuse_update(stub, "TooManyRequestsException")
    expect_update(stub, **OWN)
    with borrowed(function, "aws …") as before:
        function.update(MemorySize=128, **with_reports(before))


def test_when_restoring_fails_the_command_to_do_it_by_hand_is_printed_again(stubbed: tuple[Function, Stubber]) -> None:
    function, stub = stubbed
    stub.add_response("get_function_configuration", OWN)
    refuse_update(stub, "AccessDeniedException")
    with pytest.raises(click.ClickException) as caught, borrowed(function, "aws …"):
        pass
    assert "did not get its settings back" in caught.value.message
    assert "\n  aws … --memory-size 300 --logging-config" in caught.value.message


class Interrupted:
    """A client that gets Ctrl-C at every update, also at the one that restores the settings."""

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {"MemorySize": 300}

    def get_function_configuration(self, **_: Any) -> dict[str, Any]:
        return self.settings

    def update_function_configuration(self, **settings: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        self.settings = self.settings | {name: value for name, value in settings.items() if name != "FunctionName"}

    def get_waiter(self, _name: str) -> "Interrupted":
        return self

    def wait(self, **_: Any) -> None:
        pass


def test_a_second_ctrl_c_does_not_interrupt_the_restoring() -> None:
    client = Interrupted()
    function, handler = Function(client, "f"), signal.getsignal(signal.SIGINT)

    def interrupted() -> None:
        with borrowed(function, "aws …"):
            client.settings = {"MemorySize": 128}
            function.update(MemorySize=1024)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert client.settings == {"MemorySize": 300}
    assert signal.getsignal(signal.SIGINT) is handler


def test_the_command_to_restore_by_hand_has_the_functions_settings() -> None:
    assert arguments(OWN) == [
        "--memory-size",
        "300",
        "--logging-config",
        "LogFormat=JSON,ApplicationLogLevel=INFO,SystemLogLevel=WARN,LogGroup=/aws/lambda/f",
    ]


class Reporting:
    """A stage on AWS whose function is cold as often as `inits` says."""

    is_local = False

    def __init__(self, inits: list[float | None]) -> None:
        self.inits = iter(inits)

    def client(self, _name: str) -> "Reporting":
        return self

    def invoke(self, **_: Any) -> dict[str, Any]:
        metrics = {"billedDurationMs": 20.0}
        if (init := next(self.inits)) is not None:
            metrics = {"billedDurationMs": 520.0, "initDurationMs": init}
        log = base64.b64encode(json_report(metrics).encode()).decode()
        return {"Payload": closing(io.BytesIO(b"{}")), "LogResult": log}


def test_cold_starts_in_between_are_not_counted_as_warm_invocations() -> None:
    stage: Any = Reporting([500.0, None, 480.0, None, None])
    assert command.invoked(stage, "f", b"{}", 3) == ([20.0, 20.0, 20.0], 500.0)


def test_a_function_that_is_never_warm_is_reported() -> None:
    stage: Any = Reporting([500.0] * 10)
    with pytest.raises(click.ClickException, match="other traffic"):
        command.invoked(stage, "f", b"{}", 3)


@pytest.mark.parametrize(
    ("logging", "change"),
    [
        (QUIET, {"LoggingConfig": LOUD}),
        (LOUD, {}),
        ({"LogFormat": "JSON", "LogGroup": "g"}, {}),  # INFO is Lambda's default
        ({"LogFormat": "Text", "LogGroup": "g"}, {}),
        (None, {}),
    ],
)
def test_reports_are_switched_on_where_they_are_off(logging: Any, change: Any) -> None:
    settings = {"MemorySize": 300} | ({} if logging is None else {"LoggingConfig": logging})
    assert with_reports(settings) == change


TEXT = (
    "REPORT RequestId: 8f50\tDuration: 15.74 ms\tBilled Duration: 147 ms\tMemory Size: 128 MB\tMax Memory Used: 56 MB"
)
COLD = {"durationMs": 1233.96, "billedDurationMs": 1698, "memorySizeMB": 256, "initDurationMs": 463.512}
WARM = {"durationMs": 18.593, "billedDurationMs": 19, "memorySizeMB": 256, "maxMemoryUsedMB": 123}


def json_report(metrics: dict[str, float]) -> str:
    event = {"time": "2026-06-17T17:23:55.826Z", "type": "platform.report", "record": {"requestId": "40f6"}}
    event["record"] |= {"metrics": metrics, "status": "success"}  # type: ignore[operator]  # a dict, among strings
    return json.dumps(event, separators=(",", ":"))


@pytest.mark.parametrize(
    ("log", "report"),
    [
        (f"START RequestId: 8f50\nEND RequestId: 8f50\n{TEXT}\t\n", Report(147, None)),
        (f"{TEXT}\tInit Duration: 130.49 ms\t\nXRAY TraceId: 1-5e34\n", Report(147, 130.49)),
        (json_report(COLD), Report(1698, 463.512)),
        (f'cut off"}}\n{{"level":"INFO","type":3}}\n[]\n{json_report(WARM)}\n', Report(19, None)),
        ('{"level":"INFO","event":"order.accepted"}\nBilled Duration: 5 ms, says a function\n', None),
        ("", None),
    ],
)
def test_the_last_report_is_read_in_both_forms(log: str, report: Report | None) -> None:
    assert last_report(log) == report
