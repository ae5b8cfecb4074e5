"""`ordersctl power-tune` on a function in the embedded engine."""

import io
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result

from ordersctl.estimate.power_tuning import command
from ordersctl.shared.engine_client import client_options
from ordersctl.shared.functions import Function
from ordersctl.shared.project import PROJECT_DIR
from testkit.servers.engine import running_engine
from testkit.waiting import eventually

pytestmark = pytest.mark.full  # invocations that take their time, in an engine of their own

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


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with (
        running_engine(tmp_path_factory.mktemp("lambda"), "iam,lambda,logs,s3,sts") as url,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("AWS_ENDPOINT_URL", url)
        yield url


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


def test_power_tune_names_the_cheapest_and_the_fastest_size_and_restores_the_settings(
    function: Function, tmp_path: Path
) -> None:
    done = tune(tmp_path, "{}")
    assert done.exit_code == 0, done.output
    rows = {line.split("\t")[0]: line for line in done.output.splitlines() if "\t" in line}
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
def test_a_response_that_reports_a_failure_is_not_measured(
    function: Function, tmp_path: Path, answer: dict[str, Any]
) -> None:
    done = tune(tmp_path, json.dumps({"answer": answer}))
    assert done.exit_code == 1
    assert "fails on this payload" in done.output
    assert function.settings() == OWN


@pytest.mark.parametrize("answer", [{"statusCode": 202}, {"batchItemFailures": []}, "done"], ids=str)
def test_any_other_response_is_measured(function: Function, tmp_path: Path, answer: object) -> None:
    assert function.settings() == OWN
    done = tune(tmp_path, json.dumps({"answer": answer}))
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("event", ["", "{", "order"])
def test_a_payload_that_is_not_json_changes_nothing(tmp_path: Path, event: str) -> None:
    done = tune(tmp_path, event)
    assert done.exit_code == 2
    assert "is not JSON" in done.output
    assert "by hand" not in done.output


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
        "If this is killed, restore the settings of f by hand:\n  aws lambda update-function-configuration"
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
