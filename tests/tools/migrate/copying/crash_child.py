"""A migration command that is killed at a chosen step, as by a power cut: `crash_child POINT NUMBER ARGUMENTS…`.

POINT is before-write, after-write, before-save, after-save or fan-out; NUMBER counts how often it is passed.
"""

import itertools
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from ordersctl.cli import main
from ordersctl.migrate import follow
from ordersctl.migrate.state import State
from ordersctl.migrate.target.writes import ImportTable


def killed(function: Callable[..., Any], point: str, number: int, before: str, after: str | None) -> Callable[..., Any]:
    """The function, in a process that ends by SIGKILL at a call's beginning or end."""
    count = itertools.count(1)

    def wrapped(*arguments: Any, **more: Any) -> Any:
        is_it = next(count) == number
        if is_it and point == before:
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*arguments, **more)
        if is_it and point == after:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return wrapped


def run() -> None:
    point, number, *arguments = sys.argv[1:]
    at = int(number)
    vars_of: Any = ImportTable
    vars_of.put = killed(ImportTable.put, point, at, "before-write", "after-write")
    state: Any = State
    for save in ("save_position", "save_snapshot"):
        setattr(state, save, killed(getattr(State, save), point, at, "before-save", "after-save"))
    module: Any = follow
    module.fanned_out = killed(follow.fanned_out, point, at, "", "fan-out")
    main(arguments)


if __name__ == "__main__":
    run()
