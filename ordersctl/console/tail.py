"""New lines of the run's log files."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_FIRST_BYTES = 32 << 20  # of each file, when the console starts beside a run that has been running for long
_ONCE_BYTES = 4 << 20


class Tail:
    """The whole lines that files of a directory get, though they grow, begin anew, appear or vanish."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._at: dict[Path, tuple[int, int]] = {}  # the file's inode, and how far it was read

    def lines(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the name of the process and the JSON object of each new line, file by file."""
        for path in sorted(self._directory.glob("*.log")):
            for text in self._new(path).splitlines():
                if text.startswith(b"{") and (line := _object(text)) is not None:
                    yield path.stem, line

    def _new(self, path: Path) -> bytes:
        try:
            found = path.stat()
            inode, offset = self._at.get(path, (found.st_ino, max(0, found.st_size - _FIRST_BYTES)))
            if inode != found.st_ino or found.st_size < offset:
                offset = 0
            if found.st_size == offset:
                self._at[path] = (found.st_ino, offset)
                return b""
            with path.open("rb") as file:
                file.seek(offset)
                data = file.read(_ONCE_BYTES)
        except OSError:  # it has just been replaced
            return b""
        end = data.rfind(b"\n") + 1
        if end == 0 and len(data) == _ONCE_BYTES:  # no line is so long
            end = len(data)
        self._at[path] = (found.st_ino, offset + end)
        return data[:end]


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return line if isinstance(line, dict) else None
