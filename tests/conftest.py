"""What tests share: an AWS engine of their own, the stack in it, and the whole local run."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from ordersctl.children import Child, stop
from ordersctl.engine import HEALTH, deploy, engine, get_json

PROJECT_DIR = Path(__file__).resolve().parent.parent
_T = TypeVar("_T")


def eventually(look: Callable[[], _T], *, within: float = 20) -> _T:
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


@pytest.fixture(scope="session")
def engine_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An AWS engine on a free port, for all tests of the session."""
    state_dir = tmp_path_factory.mktemp("engine")
    (state_dir / "logs").mkdir()
    port = free_port()
    child = engine(port, os.environ, state_dir)
    child.start()
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: get_json(url + HEALTH))
        yield url
    finally:
        stop([child])


@pytest.fixture(scope="session")
def stack(engine_url: str) -> dict[str, str]:
    """The outputs of stage local's stack in the tests' engine."""
    return deploy(engine_url, stage="local")


@dataclass
class LocalRun:
    """`ordersctl run` on free ports, with logs and checkpoints of its own."""

    process: subprocess.Popen[bytes]
    output: Path
    state_dir: Path
    api_port: int
    engine_port: int

    @classmethod
    def start(cls, directory: Path) -> "LocalRun":
        api_port, engine_port = free_port(), free_port()
        output, state_dir = directory / "output.txt", directory / "state"
        arguments = ["--port", str(api_port), "--engine-port", str(engine_port), "--state-dir", str(state_dir)]
        with output.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "ordersctl", "run", *arguments],
                cwd=PROJECT_DIR,
                stdout=file,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
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
        return self.process.wait(10)


@pytest.fixture(scope="session")
def local_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRun]:
    """The whole local run, for all tests of the session that do no harm to it."""
    run = LocalRun.start(tmp_path_factory.mktemp("run"))
    try:
        yield run.ready()
    finally:
        run.stop()
