"""Programs that end with their parent, and on signals that they inherited as ignored."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ordersctl.shared.project import PROJECT_DIR

PROGRAM = """
import signal

def main():
    print("ready", flush=True)
    while True:
        signal.pause()
"""
IGNORE = 'trap "" INT TERM; exec "$0" "$@"'  # as a shell without job control starts its background commands


@contextmanager
def started(directory: Path) -> Iterator["subprocess.Popen[str]"]:
    """A program under die_with_parent that inherits SIGINT and SIGTERM as ignored, once it is ready."""
    (directory / "program.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "ordersctl.local.die_with_parent", "program:main"]
    path = os.pathsep.join([str(PROJECT_DIR), str(directory)])
    with subprocess.Popen(  # noqa: S603 - our own command
        ["sh", "-c", IGNORE, *command],  # noqa: S607 - whichever shell this machine has
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_was_inherited_as_ignored_ends_it(tmp_path: Path, number: signal.Signals) -> None:
    with started(tmp_path) as process:
        process.send_signal(number)
        assert process.wait(10) == -number


def test_it_ends_when_its_starter_closes_its_standard_input(tmp_path: Path) -> None:
    with started(tmp_path) as process:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == 1
