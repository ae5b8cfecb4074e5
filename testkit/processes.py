"""What the benchmarks run beside themselves: started, waited for, and ended however the work ends."""

import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from bench.instructions.packages import PROJECT_DIR
from testkit.local_run import eventually


def end_like_ctrl_c() -> None:
    """Have SIGTERM and SIGHUP end this process as Ctrl-C does: what it runs beside itself ends with it."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


@contextmanager
def running(command: Sequence[str], is_ready: Callable[[], Any], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process, once it is ready. Ctrl-C does not reach it: who still talks to it ends first."""
    process = subprocess.Popen(  # noqa: S603 - what it is told to start
        command, cwd=PROJECT_DIR, stdin=subprocess.DEVNULL, start_new_session=True, **options
    )
    try:
        eventually(is_ready)
        yield process
    finally:
        process.kill()
        process.wait()
