"""The whole local run as tests start it, and how they wait for what happens in it."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

PROJECT_DIR = Path(__file__).resolve().parent.parent
_T = TypeVar("_T")


def eventually(look: Callable[[], _T | None], *, within: float = 20) -> _T:
    """Look until what is seen is true, and return it; AssertionError after `within` seconds."""
    deadline = time.monotonic() + within
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not seen within {within} s"
        time.sleep(0.02)
    return seen


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class LocalRun:
    """`ordersctl run` on free ports, with logs and checkpoints of its own."""

    process: subprocess.Popen[bytes]
    output: Path
    state_dir: Path
    api_port: int
    engine_port: int

    @classmethod
    def start(cls, directory: Path, *options: str, **environment: str) -> "LocalRun":
        api_port, engine_port = free_port(), free_port()
        output, state_dir = directory / "output.txt", directory / "state"
        ports = ["--port", str(api_port), "--engine-port", str(engine_port)]
        # What a killed process held comes again after two seconds; two minutes are for AWS.
        arguments = [*ports, "--state-dir", str(state_dir), "--visibility", "2", *options]
        with output.open("wb") as file:
            process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", "ordersctl.local.die_with_parent", "ordersctl.cli:main", "run", *arguments],
                cwd=PROJECT_DIR,
                env={**os.environ, **environment},
                stdout=file,
                stderr=subprocess.STDOUT,
                stdin=subprocess.PIPE,  # its leash: it ends with whoever started it
                start_new_session=True,  # Ctrl-C does not reach it: who still talks to it ends first
            )
        return cls(process, output, state_dir, api_port, engine_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def engine_url(self) -> str:
        return f"http://127.0.0.1:{self.engine_port}"

    def said(self) -> str:
        return self.output.read_text()

    def ready(self) -> "LocalRun":
        def look() -> bool:
            assert self.process.poll() is None, self.said()
            return "Ctrl-C stops" in self.said()

        eventually(look, within=30)
        return self

    def curl(self) -> str:
        """Return the line that it tells to paste."""
        found = re.search(r"^curl (?:.*\\\n)*.*$", self.said(), re.MULTILINE)
        assert found, self.said()
        return found.group()

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        status = self.process.wait(10)
        assert self.process.stdin is not None
        self.process.stdin.close()
        return status
