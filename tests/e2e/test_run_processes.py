"""The processes of `ordersctl run`: they end together, are started again where that helps, and share nothing."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ordersctl.shared.project import PROJECT_DIR
from testkit.servers import processes as child_processes
from testkit.servers.local_run import LocalRun
from testkit.waiting import eventually, free_port
from tests.e2e.test_run import place, progress_of

pytestmark = pytest.mark.full  # about processes; no code of the service


@pytest.fixture
def own_run(tmp_path: Path) -> Iterator[LocalRun]:
    """A run that the test may break."""
    run = LocalRun.start(tmp_path)
    try:
        yield run.ready()
    finally:
        run.stop(signal.SIGKILL)


def pids(run: LocalRun) -> dict[str, int]:
    """The processes of a run by name, as soon as it has written them down: just after it says that it is ready."""

    def look() -> dict[str, int] | None:
        found = run.pids()
        return found if len(found) > 1 else None

    return eventually(look)


def alive(pid: int) -> bool:
    # A zombie still answers to signal 0: ask for its state as well.
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603, S607 - fixed arguments
    return state.stdout.strip() != "" and not state.stdout.startswith("Z")


def gone(run: LocalRun, processes: dict[str, int]) -> bool:
    return not any(map(alive, processes.values())) and free(run.api_port) and free(run.engine_port)


def free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    whole = [sys.executable, "-m", "ordersctl", "run", "--console-port", "0", *arguments]
    return subprocess.run(whole, cwd=PROJECT_DIR, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603 - our own command


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything_promptly(own_run: LocalRun, number: signal.Signals) -> None:
    processes = pids(own_run)
    assert set(processes) == {"run", "engine", "API", "event sources"}
    before = time.monotonic()

    status = own_run.stop(number)

    assert time.monotonic() - before < 3
    assert status == 0
    assert gone(own_run, processes)
    assert own_run.said().endswith("\nStopping. Everything has ended.\n")
    assert "Traceback" not in own_run.said()


@pytest.mark.parametrize("ctrl_c", [True, False])
@pytest.mark.parametrize(("both", "unbuffered"), [(False, ""), (True, ""), (False, "1")])
def test_when_the_reader_of_a_pipe_ends_with_ctrl_c_or_by_itself_everything_ends_as_without_one(
    tmp_path: Path, *, both: bool, unbuffered: str, ctrl_c: bool
) -> None:
    """`make run | cat`, and `make run 2>&1 | cat`: the terminal sends SIGINT to both programs. `make run | head`."""
    ports = [str(free_port()), "--engine-port", str(free_port()), "--console-port", "0"]
    whole = [sys.executable, "-m", "ordersctl", "run", "--port", *ports, "--state-dir", str(tmp_path / "state")]
    errors = tmp_path / "errors"
    with errors.open("wb") as file:
        run = child_processes.start(
            whole,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if both else file,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )
    try:
        assert run.stdout is not None
        assert any(b"Ctrl-C stops" in each for each in run.stdout)
        run.stdout.close()
        if ctrl_c:
            run.send_signal(signal.SIGINT)

        assert run.wait(10) == 0
        assert errors.read_text() == ("" if both else "\nStopping. Everything has ended.\n")
    finally:
        run.kill()


def test_a_signal_during_the_start_ends_everything_too(tmp_path: Path) -> None:
    run = LocalRun.start(tmp_path)
    eventually(lambda: not free(run.engine_port))

    status = run.stop()

    assert status == 0
    assert free(run.engine_port)
    assert "Traceback" not in run.said()


def test_nothing_outlives_a_run_that_is_killed(own_run: LocalRun) -> None:
    processes = pids(own_run)

    own_run.stop(signal.SIGKILL)

    eventually(lambda: gone(own_run, processes), within=5)


def test_the_console_ends_with_the_run_and_the_run_not_with_the_console(tmp_path: Path) -> None:
    run = LocalRun.start(tmp_path, console=True)
    try:
        processes = pids(run.ready())
        assert not free(run.console_port)  # as soon as its address is printed
        os.kill(processes["console"], signal.SIGKILL)
        eventually(lambda: "console ended (SIGKILL). See logs/console.log" in run.said())
        assert free(run.console_port)
        assert place(run).startswith("ord_")
        assert run.stop() == 0
        assert gone(run, processes)
    finally:
        run.stop(signal.SIGKILL)


def test_a_run_that_ends_takes_its_console_along(tmp_path: Path) -> None:
    run = LocalRun.start(tmp_path, console=True)
    processes = pids(run.ready())
    assert alive(processes["console"])
    assert run.stop() == 0
    assert gone(run, processes)
    assert free(run.console_port)


def test_event_sources_that_are_killed_are_started_again_and_continue(own_run: LocalRun) -> None:
    first = place(own_run)
    progress_of(own_run, first)

    os.kill(pids(own_run)["event sources"], signal.SIGKILL)
    second = place(own_run)

    progress_of(own_run, second)
    assert "event sources ended (SIGKILL), started again" in own_run.said()
    assert own_run.said().count(first[:12]) == 1  # the checkpoint held: it is not published twice


def test_event_sources_that_keep_ending_end_the_run(own_run: LocalRun) -> None:
    processes = pids(own_run)
    killed = set()

    def ended() -> bool:
        pid = pids(own_run).get("event sources", 0) if own_run.process.poll() is None else 0
        if pid and pid not in killed:
            killed.add(pid)
            os.kill(pid, signal.SIGKILL)
        return own_run.process.poll() is not None

    eventually(ended)

    assert own_run.process.returncode == 1
    assert "the event sources keep ending (SIGKILL)" in own_run.said()
    assert gone(own_run, processes)


@pytest.mark.parametrize("name", ["engine", "API"])
def test_a_run_whose_engine_or_api_ends_reports_it_and_ends(own_run: LocalRun, name: str) -> None:
    processes = pids(own_run)

    os.kill(processes[name], signal.SIGKILL)

    assert own_run.process.wait(10) == 1
    assert f"the {name} ended (SIGKILL)" in own_run.said()
    assert "Traceback" not in own_run.said()
    assert gone(own_run, processes)


@pytest.mark.parametrize("option", ["--port", "--engine-port", "--console-port"])
def test_a_taken_port_is_reported_with_the_command_to_type_instead(tmp_path: Path, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ports = {"--port": free_port(), "--engine-port": free_port(), option: port}
        done = command(*[str(part) for each in ports.items() for part in each], "--state-dir", str(tmp_path))
        instead = options_of(done, tmp_path)

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 2
    assert f"port {port} is taken" in done.stderr
    assert instead[option] not in {str(number) for number in ports.values()}
    assert {**instead, option: str(port)} == {
        "--console-port": "0", **{name: str(number) for name, number in ports.items()}, "--state-dir": str(tmp_path)
    }  # fmt: skip


def test_all_taken_ports_are_reported_at_once_with_every_option_that_was_given(tmp_path: Path) -> None:
    odd = tmp_path / 'an "odd" $(name)`s ends!'
    odd.mkdir()
    seed = odd / "orders.csv"
    seed.touch()
    with ExitStack() as servers:
        three = [servers.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1] for _ in range(3)]
        ports = dict(zip(("--port", "--engine-port", "--console-port"), three, strict=True))
        given = ["--state-dir", str(tmp_path), "--seed", str(seed), "--with-consumers"]
        done = command(*given, *[str(part) for each in ports.items() for part in each])
        instead = options_of(done, tmp_path)
        chosen = [int(str(instead.pop(name))) for name in ports]

        assert all(f"port {number} is taken" in done.stderr for number in three)
        assert len(set(chosen)) == 3
        assert all(map(free, chosen))
    assert instead == {"--state-dir": str(tmp_path), "--seed": str(seed), "--with-consumers": None}


def options_of(done: subprocess.CompletedProcess[str], directory: Path) -> dict[str, str | None]:
    """The options that reach the command when the last line of an error is pasted into a shell."""
    _, _, line = done.stderr.splitlines()[-1].partition(": ")
    makefile = directory / "Makefile"
    makefile.write_text("run:\n\t@printf '%s\\n' $(ARGS)\n")
    # make within `make test-rest` would say which directory it enters and leaves.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    pasted = subprocess.run(  # noqa: S603 - our own line
        ["bash", "-c", line],  # noqa: S607
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    words = pasted.stdout.splitlines()
    return {
        word: value if value is not None and not value.startswith("--") else None
        for word, value in zip(words, [*words[1:], None], strict=True)
        if word.startswith("--")
    }


def test_a_port_that_another_copy_of_orders_uses_is_reported_as_such(local_run: LocalRun, tmp_path: Path) -> None:
    done = command("--port", str(local_run.api_port), "--engine-port", str(free_port()), "--state-dir", str(tmp_path))

    assert done.returncode == 1
    assert f"port {local_run.api_port} is taken by another copy of Orders" in done.stderr


def test_two_copies_do_not_share_a_directory(local_run: LocalRun) -> None:
    done = command(
        "--port", str(free_port()), "--engine-port", str(free_port()), "--state-dir", str(local_run.state_dir)
    )

    assert done.returncode == 1
    assert "already running from this directory" in done.stderr
