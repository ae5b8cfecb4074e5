"""`python -m ordersctl.local.die_with_parent MODULE:FUNCTION ARGS…`: a program that ends when whoever started it ends.

Standard input is the leash: a pipe whose other end only the starter holds. However the starter dies, that end is
closed by the kernel. This works alike on Linux and macOS.
"""

import importlib
import os
import signal
import sys
import threading


def main() -> None:
    threading.Thread(target=_end_with_starter, daemon=True).start()
    module, _, function = sys.argv[1].partition(":")
    sys.argv[:] = [module, *sys.argv[2:]]
    sys.exit(getattr(importlib.import_module(module), function)())


def _end_with_starter() -> None:
    while os.read(0, 1):
        pass
    # The program may be deep in a library by now, and has nothing to put in order: the data is throw-away.
    # Its whole process group goes, so that nothing it started stays either.
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    main()
