"""How far a replay is, so that one that was stopped goes on there."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ordersctl.shared import project
from ordersctl.shared.stage import Stage


@dataclass(frozen=True)
class Progressed:
    """How far a replay is, in a file that a kill at any time leaves whole: run again, it goes on there."""

    path: Path

    @classmethod
    def of(cls, stage: Stage, asked: Mapping[str, Any]) -> "Progressed":
        """The file of what was asked for: the same question finds the same file."""
        digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:12]
        return cls(project.state_dir() / f"replay-{stage.name}-{digest}.json")

    def read(self) -> dict[str, Any]:
        """Return where to go on (`after`, a key), how many were `sent`, and `until` when it looks; empty at first."""
        try:
            state = json.loads(self.path.read_text())
        except FileNotFoundError:
            return {}
        return state if isinstance(state, dict) else {}

    def write(self, state: Mapping[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".new")
        beside.write_text(json.dumps(state))
        beside.replace(self.path)

    def done(self) -> None:
        self.path.unlink(missing_ok=True)
