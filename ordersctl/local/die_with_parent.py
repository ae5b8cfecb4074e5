"""`python -m ordersctl.local.die_with_parent MODULE:FUNCTION ARGS…`: runs a program that ends with its parent process.

Standard input is a pipe whose other end only the parent holds. However the parent dies, the kernel closes that end.
This works the same on Linux and macOS.
"""

import gc
import importlib
import os
import signal
import sys
import threading

_ALLOCATIONS_PER_COLLECTION = 50_000


def main() -> None:
    _heed_signals()
    threading.Thread(target=_end_with_starter, daemon=True).start()
    module, _, function = sys.argv[1].partition(":")
    sys.argv[:] = [module, *sys.argv[2:]]
    # The programs of a run make few reference cycles: collecting them less often saves a twentieth of their CPU.
    gc.set_threshold(_ALLOCATIONS_PER_COLLECTION, 20, 100)
    sys.exit(getattr(importlib.import_module(module), function)())


def _heed_signals() -> None:
    """Restore Python's own handlers for signals that were inherited as ignored.

    A shell without job control starts its background commands with SIGINT ignored (POSIX, "Asynchronous Lists").
    """
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


def _end_with_starter() -> None:
    while os.read(0, 1):
        pass
    # Ended at once: the program may be deep in a library, and has no data to save.
    # Its whole process group is killed, so that no process that it started stays either.
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    main()
