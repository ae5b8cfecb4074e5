"""Parts of `ordersctl power-tune` whose AWS behaviour the engine lacks: refused updates, reports in JSON."""

import base64
import io
import json
import signal
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import boto3
import click
import pytest
from botocore.stub import Stubber

from ordersctl.estimate.power_tuning import measurement
from ordersctl.estimate.power_tuning.lambda_reports import Report, last_report
from ordersctl.estimate.power_tuning.temporary_settings import arguments, restored, with_reports
from ordersctl.shared.functions import Function

QUIET = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "WARN", "LogGroup": "/aws/lambda/f"}
LOUD = QUIET | {"SystemLogLevel": "INFO"}
OWN = {"MemorySize": 300, "LoggingConfig": QUIET}


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
    with restored(function, "aws …") as before:
        function.update(MemorySize=128, **with_reports(before))


def test_when_restoring_fails_the_command_to_do_it_by_hand_is_printed_again(stubbed: tuple[Function, Stubber]) -> None:
    function, stub = stubbed
    stub.add_response("get_function_configuration", OWN)
    refuse_update(stub, "AccessDeniedException")
    with pytest.raises(click.ClickException) as caught, restored(function, "aws …"):
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
        with restored(function, "aws …"):
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
    """A stage on AWS whose function is cold in the invocations that `inits` lists."""

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
    assert measurement.invoke(stage, "f", b"{}", 3) == ([20.0, 20.0, 20.0], 500.0)


def test_a_function_that_is_never_warm_is_reported() -> None:
    stage: Any = Reporting([500.0] * 10)
    with pytest.raises(click.ClickException, match="other traffic"):
        measurement.invoke(stage, "f", b"{}", 3)


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
