"""The whole local run, as tests and benchmarks start it: `ordersctl run` on free ports."""

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import boto3

from ordersctl.shared.engine_client import client_options
from ordersctl.shared.project import PROJECT_DIR
from ordersctl.shared.runs.state_file import Run
from testkit.servers import processes
from testkit.waiting import eventually, free_port


@dataclass
class LocalRun:
    """`ordersctl run` on free ports, with logs and checkpoints of its own."""

    process: subprocess.Popen[bytes]
    output: Path
    state_dir: Path
    api_port: int
    engine_port: int
    console_port: int = 0

    @classmethod
    def start(cls, directory: Path, *options: str, console: bool = False, **environment: str) -> "LocalRun":
        """Start a run with its output and its state in `directory`."""
        return cls.start_of(PROJECT_DIR, directory, *options, console=console, **environment)

    @classmethod
    def start_of(
        cls, tree: Path, directory: Path, *options: str, console: bool = False, **environment: str
    ) -> "LocalRun":
        """Start the run of another working tree."""
        api_port, engine_port, console_port = free_port(), free_port(), free_port() if console else 0
        output, state_dir = directory / "output.txt", directory / "state"
        ports = ["--port", str(api_port), "--engine-port", str(engine_port), "--console-port", str(console_port)]
        # A message that a killed process held is delivered again after 2 s, not after the template's 2 min.
        arguments = [*ports, "--state-dir", str(state_dir), "--visibility", "2", *options]
        with output.open("wb") as file:
            process = processes.start(
                [sys.executable, "-m", "ordersctl.local.die_with_parent", "ordersctl.cli:main", "run", *arguments],
                cwd=tree,
                env={**os.environ, **environment},
                stdout=file,
                stderr=subprocess.STDOUT,
                stdin=subprocess.PIPE,  # die_with_parent ends it when this process is gone
            )
        return cls(process, output, state_dir, api_port, engine_port, console_port)

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

    def pids(self) -> dict[str, int]:
        """The run's processes by name, as far as it has written them down."""
        found = Run.read(self.state_dir)
        assert found is not None
        return {name: pid for name, pid in found.processes.items() if pid is not None}

    def curl(self) -> str:
        """The curl command that `ordersctl run` prints for pasting."""
        found = re.search(r"^curl (?:.*\\\n)*.*$", self.said(), re.MULTILINE)
        assert found, self.said()
        return found.group()

    def purge_dead_letters(self) -> None:
        """Delete the dead letters that other tests left."""
        sqs = boto3.client("sqs", **client_options(self.engine_url))
        for url in sqs.list_queues().get("QueueUrls", []):
            if "-dlq" in url:
                sqs.purge_queue(QueueUrl=url)

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        status = self.process.wait(10)
        assert self.process.stdin is not None
        self.process.stdin.close()
        return status
