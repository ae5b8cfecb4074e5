"""The progress of a replay, so that a stopped replay can continue there."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ordersctl.operate.replay.orders import Page
from ordersctl.shared import project
from ordersctl.shared.files import write_atomically
from ordersctl.shared.stage import Stage


@dataclass
class ReplayProgress:
    """Counts of orders and events so far; `after` is where to continue, `until` the end of the window of time."""

    until: str
    after: Any = None
    read: int = 0
    sent: int = 0
    unreadable: int = 0
    filtered: int = 0  # events that the filter of the one consumer's subscription left out
    left: int = 0  # orders that changed so recently that their own events may be on their way

    def add(self, page: Page, *, sent: int, filtered: int, left: int) -> None:
        """Count a page whose events have been sent."""
        self.read += page.read
        self.sent += sent
        self.filtered += filtered
        self.left += left
        self.unreadable += page.orders.count(None)
        self.after = page.after


@dataclass(frozen=True)
class ProgressFile:
    """The file of one replay's progress; a kill at any time leaves it whole."""

    path: Path

    @classmethod
    def of(cls, stage: Stage, question: Mapping[str, Any]) -> "ProgressFile":
        """Return the file for a replay: the same options find the same file."""
        digest = hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()[:12]
        return cls(project.state_dir() / f"replay-{stage.name}-{digest}.json")

    def read(self) -> ReplayProgress | None:
        """Return the progress of a replay that was stopped; None when there was none."""
        try:
            stored = json.loads(self.path.read_text())
        except FileNotFoundError:
            return None
        return ReplayProgress(
            **{each.name: stored[each.name] for each in fields(ReplayProgress) if each.name in stored}
        )

    def write(self, progress: ReplayProgress) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, json.dumps(asdict(progress)))

    def delete(self) -> None:
        self.path.unlink(missing_ok=True)
