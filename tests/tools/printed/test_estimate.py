"""The commands that estimate, and one that measures a function: here a fake of Lambda."""

import base64
import io
from pathlib import Path
from typing import Any, cast

import boto3
import pytest

from ordersctl.shared.stage import Stage
from tests.tools.printed.form import Form

pytestmark = pytest.mark.full  # the form of the output only


class Lambda:
    """As boto3's session and its client for Lambda: a function that is twice as fast with twice the memory."""

    profile_name, region_name = "default", "eu-west-1"

    def __init__(self) -> None:
        self.memory, self.is_new = 512, True
        self.meta = self

    def client(self, _service: str, **_options: Any) -> Any:
        return self

    def get_function_configuration(self, **_: str) -> dict[str, Any]:
        return {"MemorySize": self.memory, "LoggingConfig": {"LogFormat": "JSON", "SystemLogLevel": "WARN"}}

    def update_function_configuration(self, MemorySize: int = 512, **_: Any) -> None:  # noqa: N803 - boto3's names
        self.memory, self.is_new = MemorySize, True

    def get_waiter(self, _name: str) -> Any:
        return self

    def wait(self, **_: Any) -> None:
        pass

    def invoke(self, **_: Any) -> dict[str, Any]:
        start = "\tInit Duration: 210.00 ms" if self.is_new else ""
        self.is_new = False
        report = f"REPORT RequestId: 1\tBilled Duration: {40_960 // self.memory} ms{start}\n"
        return {"Payload": io.BytesIO(b'{"statusCode": 202}'), "LogResult": base64.b64encode(report.encode()).decode()}


def test_cost(form: Form) -> None:
    form.check("cost", form.run("cost", "--orders-per-month", "1000000", environment={}))


def test_simulate(form: Form, tmp_path: Path) -> None:
    small = ["--peak", "3000", "--ramp", "5", "--hold", "10", "--seconds", "30"]
    done = form.run("simulate", *small, "--plot", str(tmp_path / "plot.svg"), environment={})
    form.check("simulate", done, DIR=str(tmp_path))


def test_power_tune(form: Form, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage("prod", cast("boto3.Session", Lambda()), {})
    monkeypatch.setattr(Stage, "at", lambda *_args, **_options: stage)
    payload, plot = tmp_path / "event.json", tmp_path / "plot.svg"
    payload.write_text("{}")
    measured = ["orders-prod", "--stage", "prod", "--payload", str(payload), "--times", "2", "--plot", str(plot)]
    form.check("power-tune", form.run("power-tune", *measured, environment={}), DIR=str(tmp_path))
