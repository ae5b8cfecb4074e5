"""The commands that call the API as clients do: load and trigger on a fake of the service, smoke on a local run."""

import re
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner

from ordersctl.cli import main
from ordersctl.shared.runs.state_file import Run, noted
from testkit.servers.local_run import LocalRun
from tests.tools.client.fakes import Downstream, Service
from tests.tools.printed.form import WIDTH, Form

pytestmark = pytest.mark.full  # the form of the output only

ORDERS = Path(__file__).parents[2] / "data" / "online-retail-cut.csv"
SECONDS = r" *\d+\.\d\d(?= s)"


@pytest.fixture
def environment(operated_engine: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a run whose API accepts orders, which are stored and published in the engine."""
    with Service(tmp_path / "jwks.json") as service:
        service.accepted = Downstream(operated_engine).process
        Thread(target=service.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        directory = str(tmp_path)
        with noted(Run(directory, directory, directory, api=service.url, engine=operated_engine)):
            yield {"ORDERS_STATE_DIR": directory, "AWS_ENDPOINT_URL": operated_engine}
        service.shutdown()


def test_load(form: Form, environment: dict[str, str]) -> None:
    done = form.run("load", str(ORDERS), "--wait", "--connections", "1", environment=environment)
    form.check("load", done, varying=r"(?m) *\d+(?= (?:│ *\d+ )?│$)|(?<=\t5\t)\d+\t\d+$")


def test_trigger(form: Form, environment: dict[str, str]) -> None:
    form.check("trigger", form.run("trigger", environment=environment), varying=r"(?<=trigger-)\w+")


COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-7]")


def test_the_doctor_of_a_run_uses_colours_only_in_a_terminal_that_wants_them(local_run: LocalRun) -> None:
    def examined(**environment: str) -> str:
        options = {"ORDERS_STATE_DIR": str(local_run.state_dir), "COLUMNS": str(WIDTH), **environment}
        return CliRunner().invoke(main, ["doctor"], env=options, color=True).stdout

    colours = {"TTY_COMPATIBLE": "1", "TERM": "xterm-256color"}
    assert COLOUR.search(examined(**colours))
    assert not COLOUR.search(examined(**colours, NO_COLOR="1"))
    assert "\x1b" not in examined(TERM="xterm-256color")


def test_smoke(form: Form, clean_run: LocalRun) -> None:
    done = form.run("smoke", environment={"ORDERS_STATE_DIR": str(clean_run.state_dir)})
    form.check("smoke", done, varying=SECONDS)
