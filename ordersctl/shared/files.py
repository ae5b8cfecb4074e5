"""Writing files so that a kill at any time, and another user of the machine, do no harm."""

import os
from pathlib import Path
from typing import IO


def write_atomically(path: Path, text: str, *, private: bool = False) -> None:
    """Replace a file's content, or make the file: a reader finds the old text or the new one, never a part.

    A private file can be read by its owner alone (mode 0600).
    """
    beside = path.with_suffix(".new")
    with open_private(beside, "w") if private else beside.open("w") as file:
        file.write(text)
    beside.replace(path)


def open_private(path: Path, mode: str) -> IO[str]:
    """Open a text file that only its owner can read (mode 0600), for what customers sent; raises OSError."""
    file = open(path, mode, encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600))  # noqa: SIM115
    os.fchmod(file.fileno(), 0o600)  # it may have existed with another mode
    return file
