"""A terminal to paste the documents' blocks into, beside a running service."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ordersctl.shared.project import PROJECT_DIR
from testkit.servers.local_run import LocalRun

TERMINAL = {"TTY_COMPATIBLE": "1", "TERM": "dumb", "COLUMNS": "120", "LINES": "50"}
_END = "--- the block has ended ---"


class Terminal:
    """One shell for the whole session, in the project's directory, beside a running service."""

    def __init__(self, run: LocalRun) -> None:
        self._run = run
        self._shell = subprocess.Popen(
            ["bash"],  # noqa: S607 - whichever the reader has
            cwd=PROJECT_DIR,
            # Commands find the run by its directory. rich takes the pipe for a terminal of 120 columns without colours.
            env={**os.environ, "ORDERS_STATE_DIR": str(run.state_dir), "NO_PROXY": "127.0.0.1", **TERMINAL},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def paste(self, block: str) -> str:
        """Run a block with this run's ports and interpreter in place of the usual ones; returns its output."""
        for usual, ours in {
            ".venv/bin/ordersctl": ".venv/bin/python -m ordersctl",
            ".venv/bin/python": shlex.quote(sys.executable),
            "127.0.0.1:8000": f"127.0.0.1:{self._run.api_port}",
            "127.0.0.1:4566": f"127.0.0.1:{self._run.engine_port}",
        }.items():
            block = block.replace(usual, ours)
        stdin, stdout = self._shell.stdin, self._shell.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{{ {block}\n}} </dev/null\necho; echo '{_END}'\n")
        stdin.flush()
        return "".join(iter(stdout.readline, f"{_END}\n")).replace("\r", "").strip()

    def close(self) -> None:
        self._shell.communicate()


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """A terminal beside a run of its own: its session begins without orders and events."""
    run = LocalRun.start(tmp_path)
    try:
        terminal = Terminal(run.ready())
        yield terminal
        terminal.close()
    finally:
        run.stop()
