"""The file in which a local run says where it is: its addresses, directories and processes."""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from ordersctl.shared import project
from ordersctl.shared.files import write_atomically

STATE_FILE, LOCK = "run.json", "run.lock"


@dataclass(frozen=True)
class Run:
    """One local run. Paths are absolute; `console` holds the console's key, so only its owner may read the file."""

    directory: str  # the project that runs
    state_dir: str
    keys: str  # the directory of the key that signs its tokens
    api: str
    engine: str
    console: str | None = None
    processes: Mapping[str, int | None] = field(default_factory=dict)  # name -> pid

    @classmethod
    def read(cls, state_dir: Path) -> "Run | None":
        """Return what the last run in a directory wrote, whether it lives or not; None when it wrote nothing usable."""
        try:
            found = cls(**json.loads((state_dir / STATE_FILE).read_text()))
        except (OSError, ValueError, TypeError):
            return None
        return found if isinstance(found.processes, dict) else None

    @classmethod
    def living(cls, state_dir: Path) -> "Run | None":
        """Return the run that lives in a directory; None when there is none."""
        run = cls.read(state_dir)
        # Its process is looked for first: to try the lock of a run that has ended would hinder one that starts.
        return run if run is not None and is_alive(run.processes.get("run")) and _is_locked(state_dir) else None

    def write(self) -> None:
        """Write the file; raises OSError."""
        write_atomically(Path(self.state_dir) / STATE_FILE, json.dumps(asdict(self), indent=2), private=True)


class Note:
    """What a run notes of itself while it starts and changes."""

    def __init__(self, run: Run) -> None:
        self._run = replace(run, processes={"run": os.getpid()})
        self._run.write()

    def processes(self, pids: Mapping[str, int | None]) -> None:
        self._run = replace(self._run, processes={"run": os.getpid(), **pids})
        self._run.write()

    def console(self, address: str) -> None:
        self._run = replace(self._run, console=address)
        self._run.write()


@contextmanager
def noted(run: Run) -> Iterator[Note]:
    """Lock the run's directory and note the run there, until the block ends; BlockingIOError when another has it."""
    state_dir = Path(run.state_dir)
    state_dir.mkdir(parents=True, exist_ok=True)
    with (state_dir / LOCK).open("w") as lock:
        # The kernel drops the lock when this process ends, even if it is killed.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        note = Note(run)
        elsewhere = state_dir != project.default_state_dir()
        if elsewhere:
            _register(state_dir)
        try:
            yield note
        finally:
            if elsewhere:
                _entry(state_dir).unlink(missing_ok=True)


def all_living() -> list[Run]:
    """Return the living runs of this project: first the one in the usual directory, then those with --state-dir."""
    directories = [project.default_state_dir()]
    for entry in sorted(_registry().glob("*")):
        with suppress(OSError):
            directories.append(Path(entry.read_text()))
    return [run for directory in directories if (run := Run.living(directory)) is not None]


def _registry() -> Path:
    return project.default_state_dir() / "runs"


def _entry(state_dir: Path) -> Path:
    return _registry() / hashlib.sha256(str(state_dir).encode()).hexdigest()[:16]


def _register(state_dir: Path) -> None:
    _registry().mkdir(parents=True, exist_ok=True)
    for entry in _registry().glob("*"):
        with suppress(OSError):
            if not (Path(entry.read_text()) / STATE_FILE).exists():  # a directory that was deleted since
                entry.unlink(missing_ok=True)
    write_atomically(_entry(state_dir), str(state_dir))


def is_alive(pid: int | None) -> bool:
    """Return whether there is a process of this number."""
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def _is_locked(state_dir: Path) -> bool:
    try:
        with (state_dir / LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
