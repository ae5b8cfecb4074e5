"""Switches of the local run: which of processor, publisher and consumers are paused, in a file that the run obeys."""

import json
from enum import StrEnum
from pathlib import Path

from ordersctl.shared.files import write_atomically

CONSUMERS = ("inventory", "invoicing", "fulfilment")
HANDLERS = ("processor", "publisher")
NAMES = (*HANDLERS, *CONSUMERS)


class State(StrEnum):
    """What is wanted of a processor, publisher or consumer."""

    RUNNING = "running"
    PAUSED = "paused"  # it takes nothing; what it would take waits
    FAILING = "failing"  # a consumer that fails whatever it takes, as one with a bug does


class Switches:
    """The wanted states, read again when the file has changed; asking costs one look at the file's date."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "switches.json"
        self._read_at: tuple[int, int] | None = None
        self._states: dict[str, State] = {}

    def state(self, name: str) -> State:
        """Return the state that is wanted; `running` when nothing was said."""
        return self.all().get(name, State.RUNNING)

    def all(self) -> dict[str, State]:
        """Return the states that were asked for, by name; a name is missing when nothing was said of it."""
        try:
            found = self._path.stat()
            version = (found.st_mtime_ns, found.st_ino)
            if version != self._read_at:
                self._states = _states(self._path.read_text())
                self._read_at = version
        except FileNotFoundError:
            self._states, self._read_at = {}, None
        return self._states

    def set(self, name: str, state: State) -> None:
        """Ask for a state; raises OSError when the directory of the run is not there."""
        write_atomically(self._path, json.dumps({**self.all(), name: state}))

    def forget(self, name: str) -> None:
        """Forget that a process was asked to run; that it is paused or failing stays."""
        if self.state(name) == State.RUNNING and name in self.all():
            write_atomically(self._path, json.dumps({each: is_ for each, is_ in self.all().items() if each != name}))

    def halted(self) -> dict[str, State]:
        """Return those that are paused or failing, in the order of the pipeline."""
        found = self.all()
        return {name: found[name] for name in NAMES if found.get(name, State.RUNNING) != State.RUNNING}

    def begin(self) -> None:
        """Keep only what is paused or failing: whether a consumer starts is said by the new run."""
        if self.all():
            write_atomically(self._path, json.dumps(self.halted()))


def _states(text: str) -> dict[str, State]:
    """Read the file; what a person may have put into it and means nothing is left out."""
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(document, dict):
        return {}
    known = set(State)
    return {name: State(value) for name, value in document.items() if name in NAMES and value in known}
