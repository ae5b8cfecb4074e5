"""What the page may do: a closed table of `ordersctl` commands, run as processes.

The page names an act and a target. A target is looked up among what this process knows: no text of the page becomes
part of a command. What a command prints is shown as text.
"""

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.order_ids import is_well_formed
from ordersctl.console.gauges import Group
from ordersctl.shared.output import printable
from ordersctl.shared.project import PROJECT_DIR
from ordersctl.shared.runs.current import as_typed
from ordersctl.shared.stage import Stage
from ordersctl.shared.switches import CONSUMERS

SECONDS = 300  # that a command may take
BURST = 100
_OUTPUT_CHARACTERS = 4_000


class RefusedError(Exception):
    """An act that is not done; the message says why, and what to do."""


@dataclass
class Known:
    """What acts may name: it changes while the stage is watched."""

    groups: Mapping[str, Group]  # dead letters, by id
    readers: Sequence[str]  # what can be paused


class Acts:
    """The acts of a stage.

    `api_url` is None for the local run's own API, which the commands find by themselves.
    """

    def __init__(self, stage: Stage, api_url: str | None, *, allowed: bool) -> None:
        self._stage = stage
        self._options = stage.option
        self._url = ["--url", api_url] if api_url else []
        self._allowed = allowed
        self.known = Known({}, ())

    def command(self, asked: Mapping[str, Any]) -> list[str]:
        """Return the arguments of the `ordersctl` command that an act is; RefusedError when it may not be done."""
        name, target = asked.get("act"), asked.get("target")
        if not isinstance(name, str) or name not in self._table:
            raise RefusedError("There is no such act on this stage.")
        if not self._allowed:
            raise RefusedError("This console only looks. Start it with --allow-changes to act.")
        if not self._stage.is_local and asked.get("stage") != self._stage.name:
            raise RefusedError("Type the name of the stage to confirm.")
        return self._table[name](target)

    @property
    def _table(self) -> Mapping[str, Callable[[Any], list[str]]]:
        everywhere: dict[str, Callable[[Any], list[str]]] = {
            "pause": lambda target: ["pause", self._reader(target), *self._sure],
            "resume": lambda target: ["resume", self._reader(target), *self._sure],
            "redrive": lambda target: ["dlq", "redrive", *self._group(target)],
            "drop": lambda target: ["dlq", "drop", *self._group(target)],
            "replay": lambda target: ["replay", "--order", self.order_id(target), "--yes", *self._options],
        }
        if not self._stage.is_local:
            return everywhere
        return everywhere | {
            "place": lambda _: ["trigger", *self._url],
            "burst": lambda _: ["trigger", "--count", str(BURST), *self._url],
            "poison": lambda _: ["trigger", "--poison"],
            "fail": lambda target: ["pause", self._reader(target, CONSUMERS), "--failing"],
            "start": lambda _: ["resume", *CONSUMERS],
        }

    def trace(self, order_id: Any) -> list[str]:
        """Return the command that traces an order; RefusedError for what is no order id."""
        return ["trace", self.order_id(order_id), "--json", *self._options]

    def dead_letters(self) -> list[str]:
        """Return the command that lists the dead letters."""
        return ["dlq", "list", "--limit", "1000", "--json", *self._options]

    @staticmethod
    def order_id(target: Any) -> str:
        """Return an order's id; RefusedError when it is not well formed."""
        if not isinstance(target, str) or not is_well_formed(target):
            raise RefusedError("That is not an order id: it begins with ord_.")
        return target

    @property
    def _sure(self) -> list[str]:
        return [] if self._stage.is_local else ["--yes", *self._options]

    def _reader(self, target: Any, among: Sequence[str] | None = None) -> str:
        for name in self.known.readers if among is None else among:
            if name == target:
                return name
        raise RefusedError("There is no such processor, publisher or consumer. Reload the page.")

    def _group(self, target: Any) -> list[str]:
        group = self.known.groups.get(target) if isinstance(target, str) else None
        if group is None:
            raise RefusedError("These dead letters have gone meanwhile. Reload the page.")
        if printable(group.reason, keep="\n\t") != group.reason:  # the page invites to paste the command
            raise RefusedError(
                "No command can name this reason. Name the dead letters by the ids in ordersctl dlq list."
            )
        exact = ["--exact"] if group.is_whole else []  # without it, also those whose reasons contain this one
        return ["--queue", group.queue, f"--reason={group.reason}", *exact, "--yes", *self._options]


async def run(arguments: Sequence[str], *, most: int = _OUTPUT_CHARACTERS) -> dict[str, Any]:
    """Run an `ordersctl` command; returns it as it is typed, whether it succeeded, and what it printed.

    Of what it printed, the last `most` characters. A document (`--json`) is whole and stands alone: what the command
    says beside it, on stderr, is left out unless it fails, and one that is longer is not shown.
    """
    is_document = "--json" in arguments
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ordersctl",
        *arguments,
        cwd=PROJECT_DIR,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE if is_document else asyncio.subprocess.STDOUT,
    )
    try:
        output, said = await asyncio.wait_for(process.communicate(), SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        output = f"It took longer than {SECONDS} s and was stopped.".encode()
    else:
        if process.returncode != 0:
            output += said or b""
    text = printable(output.decode(errors="replace").strip(), keep="\n\t")
    ok = process.returncode == 0
    if ok and is_document and len(text) > most:
        ok, text = False, f"It printed more than {most:,} characters. Type the command to read them."
    return {
        "command": as_typed(*arguments),
        "ok": ok,
        "output": text if len(text) <= most else "…" + text[-most:],
    }
