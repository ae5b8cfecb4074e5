"""Child processes of the local run: each ends when its parent ends, and has a session of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ordersctl.shared.project import PROJECT_DIR

GRACE_SECONDS = 0.5


@dataclass
class Child:
    """One program and how to start it. Its output goes to the file `log`; without one, to this process's own output."""

    name: str
    entry: str  # "module:function"
    args: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)  # in addition to this process's own
    log: Path | None = None
    inherits: Sequence[int] = ()  # file descriptors
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        # Emptied at the first start of a run; continued afterwards, since it says why the process ended.
        log = None if self.log is None else self.log.open("wb" if self.process is None else "ab")
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ordersctl.local.die_with_parent", self.entry, *self.args],
                cwd=PROJECT_DIR,
                env={**os.environ, **self.environment},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=None if log is None else subprocess.STDOUT,
                # Ctrl-C in the terminal reaches this process alone, which ends its children in order.
                start_new_session=True,
                pass_fds=self.inherits,
            )
        finally:
            if log is not None:
                log.close()

    @property
    def pid(self) -> int | None:
        return None if self.process is None else self.process.pid

    def ended(self) -> str | None:
        """Return how the program ended, such as "exit 1" or "SIGKILL"; None while it runs."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        return f"exit {code}" if code >= 0 else signal.Signals(-code).name

    def end_of_log(self, lines: int = 5) -> str:
        """Return the last lines of the program's log, for the message that it ended."""
        if self.log is None:
            return ""
        return "\n".join(f"  {line}" for line in self.log.read_text(errors="replace").splitlines()[-lines:])


def stop(children: Sequence[Child]) -> None:
    """End all of them: SIGTERM to each at once, SIGKILL after GRACE_SECONDS. None of them has anything to save."""
    processes = [child.process for child in children if child.process is not None]
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + GRACE_SECONDS
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
        # The whole group, since the program may have started others; usually the group is gone by now.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdin is not None:
            process.stdin.close()
