"""`ordersctl doctor` of a local run, and what other commands say that they cannot do there."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from click.testing import CliRunner, Result

from ordersctl.cli import main
from ordersctl.shared.engine_client import client_options
from testkit.servers.local_run import LocalRun
from testkit.waiting import eventually

pytestmark = pytest.mark.full  # about the tools, not about the service


@pytest.fixture
def own_run(tmp_path: Path) -> Iterator[LocalRun]:
    """A run that the test may break."""
    run = LocalRun.start(tmp_path)
    try:
        yield run.ready()
    finally:
        run.stop()


def ordersctl(run: LocalRun, *arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, env={"ORDERS_STATE_DIR": str(run.state_dir)})


def ill(run: LocalRun) -> list[str]:
    return [line for line in ordersctl(run, "doctor").stdout.splitlines() if line.startswith("FAIL")]


def test_a_run_is_well_until_something_is_wrong_with_it(own_run: LocalRun) -> None:
    found = ordersctl(own_run, "doctor")
    assert (found.exit_code, ill(own_run)) == (0, []), found.output
    for word in ("Python", "clock", "GB are free", f"the API answers at {own_run.url}", "orders holds 0 dead letters"):
        assert word in found.stdout

    ordersctl(own_run, "trigger", "--poison")
    ordersctl(own_run, "pause", "publisher")
    eventually(lambda: len(ill(own_run)) == 2, within=10)
    assert "publisher is paused" in ill(own_run)[0]
    assert "orders holds 1 dead letter ->" in ill(own_run)[1]
    assert "dlq list --queue orders" in ill(own_run)[1]

    os.kill(own_run.pids()["engine"], signal.SIGSTOP)  # killed, the whole run would end
    try:
        assert any("the AWS engine answers" in line for line in ill(own_run))
    finally:
        os.kill(own_run.pids()["engine"], signal.SIGCONT)

    boto3.client("dynamodb", **client_options(own_run.engine_url)).delete_table(TableName="orders-local")
    assert any("the engine has lost the table of orders" in line for line in ill(own_run))


@pytest.mark.parametrize(
    "arguments",
    [("tune",), ("provision",), ("deploy",), ("rollback",), ("power-tune", "f", "--payload", __file__)],
    ids=lambda arguments: arguments[0],
)
def test_what_belongs_to_functions_on_aws_is_refused(local_run: LocalRun, arguments: tuple[str, ...]) -> None:
    refused = ordersctl(local_run, *arguments)
    assert (refused.exit_code, "not in the local run: " in refused.output) == (2, True), refused.output
