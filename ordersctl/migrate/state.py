"""What the migration of one source keeps between its commands: files that a kill at any time leaves whole."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ordersctl.migrate.errors import Stopped
from ordersctl.migrate.mapping.model import ShopMapping
from ordersctl.migrate.position import Position
from ordersctl.shared import project
from ordersctl.shared.files import open_private, write_atomically
from ordersctl.shared.stage import Stage


@dataclass(frozen=True)
class State:
    """The directory of one source's migration to one stage."""

    directory: Path
    mapping: ShopMapping

    @classmethod
    def of(cls, stage: Stage, mapping: ShopMapping) -> "State":
        directory = project.state_dir() / f"migrate-{stage.name}-{mapping.name}"
        directory.mkdir(parents=True, exist_ok=True)
        return cls(directory, mapping)

    # --- the snapshot: {"after", "copied", "total", "done", "mapping", "began", "generation"}

    def snapshot(self) -> dict[str, Any]:
        """How far the copy is; {} before it. Raises Stopped when it was made by another mapping."""
        stored = self._read("snapshot")
        if stored and stored["mapping"] != self.mapping.digest:
            raise Stopped(
                "the mapping file has changed since the copy began: what is copied may differ from it. "
                "Copy again: snapshot --restart"
            )
        return stored

    def generation(self) -> int:
        """How often the copy was begun again."""
        return int(self._read("snapshot").get("generation", 0))

    def save_snapshot(self, stored: dict[str, Any]) -> None:
        self._write("snapshot", stored | {"mapping": self.mapping.digest})

    # --- the follower's place in the log

    def position(self) -> Position | None:
        """Where to follow from; None before the snapshot has begun."""
        stored = self._read("follow")
        return Position.from_json(stored) if stored else None

    def followed(self) -> dict[str, Any]:
        """What the follower saved last: its position, the server, the last GTID."""
        return self._read("follow")

    def save_position(self, position: Position, **more: Any) -> None:
        self._write("follow", position.to_json() | more)

    # --- reports and routes

    def write_report(self, name: str, text: str) -> Path:
        """Write a report that only its owner can read: it names customers' orders."""
        with self.report(name) as file:
            file.write(text)
        return self.directory / name

    def report(self, name: str) -> IO[str]:
        """Open a report, empty, that only its owner can read."""
        return open_private(self.directory / name, "w")

    def verified(self) -> dict[str, Any]:
        """The outcome of the last `verify`; {} before it."""
        return self._read("verify")

    def save_verified(self, outcome: dict[str, Any]) -> None:
        self._write("verify", outcome)

    def routes(self) -> dict[str, str]:
        """Who serves each route now: `legacy` or `orders`."""
        return {"reads": "legacy", "changes": "legacy", "place": "legacy"} | self._read("routes")

    def save_routes(self, routes: dict[str, str]) -> None:
        self._write("routes", routes)

    @contextmanager
    def only_one(self, command: str) -> Iterator[None]:
        """Hold a lock, so that a command does not run twice at once; raises Stopped when it does."""
        with (self.directory / f"{command}.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Stopped(f"another {command} of {self.mapping.name} is running here.") from None
            yield

    def is_running(self, command: str) -> bool:
        """Whether a command holds its lock."""
        with (self.directory / f"{command}.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def _read(self, name: str) -> dict[str, Any]:
        try:
            stored: dict[str, Any] = json.loads((self.directory / f"{name}.json").read_text())
        except FileNotFoundError:
            return {}
        return stored

    def _write(self, name: str, value: dict[str, Any]) -> None:
        write_atomically(self.directory / f"{name}.json", json.dumps(value))
