"""The two forms of what a command prints, which are compared with texts/, letter by letter.

What differs from run to run is written as 0, a tab as |. UPDATE_TEXTS=1 writes the files anew: read the difference
before a commit.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner, Result

from ordersctl.cli import main

TEXTS = Path(__file__).with_name("texts")
WIDTH = 80
# rich takes the output for a terminal without colours.
_TERMINAL = {"TTY_COMPATIBLE": "1", "TERM": "dumb", "LINES": "50"}
_DRAWN = re.compile("\x1b|[─━│┃┏└]")  # colours and tables for the eye


def file(command: str, form: str) -> Path:
    """The file that holds what a command prints in a form."""
    return TEXTS / f"{command.replace(' ', '-')}.{form}.txt"


@dataclass(frozen=True)
class Form:
    """How a command prints: `terminal`, of 80 columns, with hints and progress; or `piped`, without."""

    name: str

    @property
    def environment(self) -> dict[str, str]:
        return {"COLUMNS": str(WIDTH)} | (_TERMINAL if self.name == "terminal" else {})

    def run(self, *arguments: str, environment: Mapping[str, str]) -> Result:
        return CliRunner().invoke(main, arguments, env={**environment, **self.environment})

    def check(self, command: str, result: Result, status: int = 0, varying: str | None = None, **replaced: str) -> None:
        """Compare what was printed; `varying` is what differs from run to run, `replaced` are texts such as paths."""
        assert result.exit_code == status, f"{result.output}\n{result.exception!r}"
        self.compare(command, result.output if self.name == "terminal" else result.stdout, varying, **replaced)

    def compare(self, command: str, printed: str, varying: str | None = None, **replaced: str) -> None:
        for name, text in replaced.items():
            printed = printed.replace(text, name)
        shown = _without_times(printed, varying)
        if "UPDATE_TEXTS" in os.environ:
            file(command, self.name).write_text(shown)
        self.check_width(printed)
        assert shown == file(command, self.name).read_text()

    def check_width(self, printed: str) -> None:
        """Check that no line is wider than the terminal, and that a pipe gets no tables for the eye."""
        if self.name == "terminal":
            lines = [line for line in printed.splitlines() if not line.startswith("  ")]  # what is to be pasted
            assert [line for line in lines if len(line) > WIDTH] == []
        else:
            assert not _DRAWN.search(printed)


def _without_times(text: str, varying: str | None) -> str:
    """Write what differs from run to run as zeros of the same length, and tabs as |; leave out spaces at line ends."""
    if varying:
        text = re.sub(varying, lambda found: "0".rjust(len(found[0])) if found[0][:1] == " " else "0", text)
    text = re.sub(r"(?<=ord_)[0-9a-z]+", lambda found: "0" * len(found[0]), text)
    text = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "00000000-0000-0000-0000-000000000000", text)
    text = re.sub(r"(?<=   )[0-9a-f]{8}(?=   )", "0" * 8, text)
    text = re.sub(r"(?<=Version)[0-9a-f]{10}|(?<=Deployment)[0-9a-f]{10}", "0" * 10, text)
    text = re.sub(r"\d{4}-\d\d-\d\d", "0000-00-00", text)
    text = re.sub(r"\d\d:\d\d:\d\d\.\d{3}", "00:00:00.000", text)
    text = re.sub(r"\b\d{1,2}:\d\d:\d\d\b", lambda found: "00:00:00"[-len(found[0]) :], text)
    text = re.sub(r"(?<=http://127\.0\.0\.1:)\d+", "0", text)
    text = re.sub(r"(?<=\t)\d\.\d(?=\t|$)", "0.0", re.sub(r"\b\d s\b", "0 s", text))
    text = re.sub(r"\t\d+(\.\d)?(?=\tord_)", "\t0", text)
    return "\n".join(line.rstrip(" ").replace("\t", "|") for line in text.splitlines()) + "\n"
