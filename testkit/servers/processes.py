"""Child processes of tests and benchmarks: started, waited for, and ended even if the test fails."""

import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ordersctl.shared.project import PROJECT_DIR
from testkit.waiting import eventually


def start(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a process in the project's directory, with default signals and in a session of its own.

    Ctrl-C in the terminal does not reach it: this process ends its children in order. SIGINT that is sent to it does,
    even where a script runs this process in the background: the shell has it ignore SIGINT then, and a child inherits
    that. A handler is not inherited (execve(2)), so SIGINT has one while the child starts.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(command, start_new_session=True, **{"cwd": PROJECT_DIR, **options})  # noqa: S603
    finally:
        signal.signal(signal.SIGINT, before)


def end_like_ctrl_c() -> None:
    """Have SIGTERM and SIGHUP end this process as Ctrl-C does, so that its children end with it."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


@contextmanager
def running(command: Sequence[str], is_ready: Callable[[], Any], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process from when it is ready until the block ends."""
    process = start(command, stdin=subprocess.DEVNULL, **options)
    try:
        eventually(is_ready)
        yield process
    finally:
        process.kill()
        process.wait()
