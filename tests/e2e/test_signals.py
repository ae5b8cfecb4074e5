"""Tests start their children with default signals, also where a script runs the tests in the background."""

import signal
import subprocess
import sys

import pytest

from ordersctl.shared.project import PROJECT_DIR


def test_a_child_ends_on_sigint() -> None:
    child = subprocess.Popen(["sleep", "60"])  # noqa: S607 - whichever this machine has
    child.send_signal(signal.SIGINT)
    try:
        assert child.wait(10) == -signal.SIGINT
    finally:
        child.kill()
        child.wait()


@pytest.mark.full  # runs pytest in a shell; no code of the service
def test_a_child_ends_on_sigint_where_the_shell_ignores_it() -> None:
    """The test above, as `sh -c 'python -m pytest … & wait'` runs it."""
    script = '"$0" -m pytest -q -p no:cacheprovider "$1" & wait $!'
    test = f"{__file__}::{test_a_child_ends_on_sigint.__name__}"
    command = ["sh", "-c", script, sys.executable, test]
    done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
