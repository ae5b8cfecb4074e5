"""Which local run a command means, and what it says when that is not clear: the state file of a run."""

import json
import os
import shlex
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ordersctl.cli import main
from ordersctl.shared import project
from ordersctl.shared.runs import current
from ordersctl.shared.runs.state_file import Run, noted

NOTHING = "http://127.0.0.1:9"  # the port "discard", where nothing listens


@pytest.fixture(autouse=True)
def unnamed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (current.ENGINE, current.STATE_DIR):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def runs() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def run_in(directory: Path, *, port: int = 9) -> Run:
    url = f"http://127.0.0.1:{port}"
    return Run(str(project.PROJECT_DIR), str(directory), str(directory), api=url, engine=url)


def ordersctl(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(main, arguments, env=environment)


LOAD = ("load", str(project.PROJECT_DIR / "tests/data/online-retail-cut.csv"))
# Each command, with what else it must be given.
COMMANDS = [
    ("queues",),
    ("listen",),
    ("trace", "ord_" + "0" * 32),
    ("dlq", "list"),
    ("replay", "--customer", "a", "--yes"),
    ("pause", "processor"),
    ("erase", "--customer", "17850", "--yes"),
    ("prices", "show"),
    ("smoke",),
    ("console",),
    LOAD,
    ("trigger",),
    ("trigger", "--poison"),
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_command_without_a_run_says_so_and_asks_nobody_else(arguments: tuple[str, ...], tmp_path: Path) -> None:
    refused = ordersctl(*arguments, ORDERS_STATE_DIR=str(tmp_path))
    assert refused.exit_code == 1, refused.output
    assert f"No run is going in {tmp_path}" in refused.output


@pytest.mark.parametrize(
    "arguments",
    [("queues",), ("dlq", "list"), ("replay", "--customer", "a", "--yes"), ("erase", "--customer", "a", "--yes")],
)
def test_a_command_asks_the_engine_of_the_run(arguments: tuple[str, ...], tmp_path: Path) -> None:
    with noted(run_in(tmp_path)):
        failed = ordersctl(*arguments, ORDERS_STATE_DIR=str(tmp_path))
    assert f'endpoint URL: "{NOTHING}' in failed.output


RETRYING = [pytest.param(each, marks=pytest.mark.full) for each in (("trigger", "--count", "2"), LOAD)]  # for 3 s


@pytest.mark.parametrize("arguments", [("trigger",), *RETRYING])
def test_a_command_calls_the_api_of_the_run(arguments: tuple[str, ...], tmp_path: Path) -> None:
    with noted(run_in(tmp_path)):
        failed = ordersctl(*arguments, ORDERS_STATE_DIR=str(tmp_path))
    assert f"othing answers at {NOTHING}" in failed.output


def test_url_and_engine_name_others_than_the_run(tmp_path: Path) -> None:
    other = "http://127.0.0.1:7"
    with noted(run_in(tmp_path)):
        environment = {"ORDERS_STATE_DIR": str(tmp_path)}
        assert f"othing answers at {other}" in ordersctl("trigger", "--url", other, **environment).output
        assert f'endpoint URL: "{other}' in ordersctl("queues", "--engine", other, **environment).output
    assert current.ENGINE not in os.environ


def test_an_engine_belongs_to_the_local_stage() -> None:
    refused = ordersctl("queues", "--stage", "dev", "--engine", NOTHING)
    assert (refused.exit_code, "--engine belongs to the local stage" in refused.output) == (2, True)


def test_a_run_that_has_ended_is_none(tmp_path: Path) -> None:
    with noted(run_in(tmp_path)):
        pass
    assert (tmp_path / "run.json").exists()
    assert "No run is going" in ordersctl("queues", ORDERS_STATE_DIR=str(tmp_path)).output


def test_a_run_with_a_directory_of_its_own_is_found_by_its_engine_and_reached_as_typed(
    tmp_path: Path, runs: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "a directory"
    runs.enter_context(noted(run_in(directory, port=7)))
    runs.enter_context(noted(run_in(tmp_path / "other", port=11)))
    monkeypatch.setenv(current.ENGINE, "http://127.0.0.1:7")
    assert current.api_url() == "http://127.0.0.1:7"
    assert current.state_dir() == directory
    assert shlex.split(current.as_typed("queues"))[0] == f"ORDERS_STATE_DIR={directory}"


@pytest.mark.parametrize("is_active", [True, False])
def test_a_hint_names_a_command_by_its_path_where_the_environment_is_not_active(
    *, is_active: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts = Path(sys.executable).parent
    monkeypatch.setenv("PATH", str(scripts) if is_active else "")
    monkeypatch.chdir(scripts.parent)
    before = "" if is_active else f"{scripts.name}/"
    assert current.as_typed("tune", "--stage", "dev") == f"{before}ordersctl tune --stage dev"
    assert current.chalice_as_typed("deploy", "--stage", "dev") == f"{before}chalice deploy --stage dev"


def test_several_runs_of_one_project_are_named_with_their_addresses(tmp_path: Path, runs: ExitStack) -> None:
    # The developer's own run would be found, too: so two runs of the same engine are made, whatever else runs.
    for name in ("one", "two"):
        runs.enter_context(noted(run_in(tmp_path / name, port=7)))
    refused = ordersctl("queues", "--engine", "http://127.0.0.1:7")
    assert "Several runs" not in refused.output.splitlines()[0]  # the engine was named, and is all that it needs
    refused = ordersctl("pause", "processor", "--engine", "http://127.0.0.1:7")
    assert f"ORDERS_STATE_DIR={tmp_path / 'one'}  API http://127.0.0.1:7" in refused.output


def test_tokens_are_signed_with_the_runs_key_whatever_directory_the_shell_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(current.STATE_DIR, str(tmp_path / "elsewhere"))
    assert current.key_dir() == project.default_state_dir()
    assert ordersctl("token", "--customer", "a").exit_code == 0
    assert not (tmp_path / "elsewhere").exists()


def test_only_its_owner_reads_where_a_run_is_since_the_consoles_key_stands_there(tmp_path: Path) -> None:
    with noted(run_in(tmp_path)) as note:
        note.console("http://127.0.0.1:9/#key=secret")
        assert stat.S_IMODE((tmp_path / "run.json").stat().st_mode) == 0o600
        assert json.loads((tmp_path / "run.json").read_text())["console"].endswith("secret")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"run": 1}', '{"processes": 1}', "\x00"])
def test_a_file_that_says_nothing_useful_is_no_run(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    assert Run.living(tmp_path) is None
    assert "No run is going" in ordersctl("queues", ORDERS_STATE_DIR=str(tmp_path)).output


def test_the_consoles_address_is_printed_again_while_the_run_serves_it(tmp_path: Path) -> None:
    with noted(run_in(tmp_path)) as note:
        note.console("http://127.0.0.1:9/#key=secret")
        printed = ordersctl("console", ORDERS_STATE_DIR=str(tmp_path))
    assert (printed.exit_code, "http://127.0.0.1:9/#key=secret" in printed.output) == (0, True)


@pytest.mark.parametrize("arguments", [("pause", "processor"), ("trigger",), ("queues",)], ids=" ".join)
def test_of_several_runs_the_usual_one_is_taken_and_named(
    arguments: tuple[str, ...], tmp_path: Path, runs: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = tmp_path / ".local"
    monkeypatch.setattr(project, "default_state_dir", lambda: usual)
    runs.enter_context(noted(run_in(usual)))
    assert "other run" not in ordersctl(*arguments).stderr
    runs.enter_context(noted(run_in(tmp_path / ".local-b", port=7)))
    said = " ".join(ordersctl(*arguments).stderr.split())
    assert f"1 other run of this project is going; this is the one in {usual}, API {NOTHING}." in said
    assert "other run" not in ordersctl(*arguments, ORDERS_STATE_DIR=str(usual)).stderr
