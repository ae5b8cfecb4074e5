"""`ordersctl power-tune` on a function in the embedded engine."""

import io
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result

from ordersctl import power_tune
from ordersctl.children import stop
from ordersctl.engine import HEALTH, client_options, engine, get_json
from tests.local_run import eventually, free_port

CODE = """
import os, time

def handler(event, context):
    if event.get("fails"):
        raise ValueError("told to")
    time.sleep(4 / int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]))
"""


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of Lambda, which has one function of 300 MB: the more memory, the faster."""
    state_dir = tmp_path_factory.mktemp("lambda")
    (state_dir / "logs").mkdir()
    port = free_port()
    child = engine(port, state_dir)
    child.environment = {**child.environment, "SERVICES": "iam,lambda,logs,s3,sts"}
    child.start()
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: get_json(url + HEALTH))
        client = boto3.client("lambda", **client_options(url))
        client.create_function(
            FunctionName="f",
            Runtime=f"python3.{sys.version_info.minor}",
            Role="arn:aws:iam::000000000000:role/none",
            Handler="code.handler",
            Code={"ZipFile": zipped(CODE)},
            MemorySize=300,
            Timeout=10,
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", url)
            yield client
    finally:
        stop([child])


def zipped(code: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("code.py", code)
    return content.getvalue()


def tune(tmp_path: Path, event: str, *options: str) -> Result:
    payload = tmp_path / "event.json"
    payload.write_text(event)
    arguments = ["f", "--payload", str(payload), "--times", "2", "--memory", "128", "--memory", "1024", *options]
    return CliRunner().invoke(power_tune.power_tune, arguments)


def memory(functions: Any) -> int:
    found: int = functions.get_function_configuration(FunctionName="f")["MemorySize"]
    return found


def test_it_names_the_cheapest_and_the_fastest_and_gives_the_memory_back(functions: Any, tmp_path: Path) -> None:
    done = tune(tmp_path, "{}")
    assert done.exit_code == 0, done.output
    rows = {line.split("│")[1].strip(): line for line in done.output.splitlines() if line.startswith("│")}
    assert "fastest" in rows["1024"]
    assert "fastest" not in rows["128"]
    assert done.output.count("cheapest") == 1
    assert memory(functions) == 300


def test_a_function_that_fails_gets_its_memory_back_too(functions: Any, tmp_path: Path) -> None:
    done = tune(tmp_path, '{"fails": true}')
    assert done.exit_code == 1
    assert "fails on this payload" in done.output
    assert memory(functions) == 300


def test_ctrl_c_gives_the_memory_back(functions: Any) -> None:
    def interrupted() -> None:
        with power_tune.own_memory_back(functions, "f"):
            power_tune.set_memory(functions, "f", 2048)
            assert memory(functions) == 2048
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert memory(functions) == 300
