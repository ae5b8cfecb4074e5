"""The README's session, pasted into a shell block by block: it prints what the README says it prints."""

import functools
import re
import shlex
import subprocess
import sys

import pytest

from ordersctl.shared.project import PROJECT_DIR
from testkit.waiting import eventually
from tests.docs.conftest import Terminal

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PASTED = "## A first session", "## The API"  # where the blocks to paste begin, and where they end
_ONCE = "Content-Type: application/json'", "ReceiveMessage", "ordersctl load"  # in a block that does more than read


def session() -> list[tuple[str, str]]:
    """The blocks to paste, each with what the README shows below it."""
    readme = (PROJECT_DIR / "README.md").read_text()
    begin, end = (readme.index(heading) for heading in _PASTED)
    found = _BLOCK.findall(readme[begin:end])
    assert [language for language, _ in found] == ["sh", "text"] * (len(found) // 2)
    texts = [text for _, text in found]
    return list(zip(texts[::2], texts[1::2], strict=True))


def shows(expected: str, printed: str) -> bool:
    """Whether what was printed is what was expected: `…` is any text in a line, or alone any number of lines."""
    lines = (
        r"(.*\n)*?" if line.strip() == "…" else re.escape(line).replace("…", ".*") + r"\n"
        for line in expected.strip().splitlines()
    )
    return re.fullmatch("".join(lines), f"{printed}\n") is not None


@pytest.mark.full  # a local run of its own
def test_each_block_of_the_readme_prints_what_the_readme_says(terminal: Terminal) -> None:
    printed = ""

    def is_as_told(block: str, expected: str) -> bool:
        nonlocal printed
        printed = terminal.paste(block)
        return shows(expected, printed)

    for block, expected in session():
        if any(sign in block for sign in _ONCE):
            assert is_as_told(block, expected), f"{block}\nprinted\n\n{printed}"
            continue
        try:  # what a block reads takes a moment to arrive, so a reader may have to paste it again
            eventually(functools.partial(is_as_told, block, expected))
        except AssertionError:
            pytest.fail(f"{block}\nprinted\n\n{printed}")


@pytest.mark.parametrize("answer", ["{}", '{"Messages": []}'])
def test_the_block_that_shows_an_event_says_when_none_waits(answer: str) -> None:
    """The sample consumers take the events from the queues."""
    (block,) = (block for block, _ in session() if "ReceiveMessage" in block)
    *_, program = shlex.split(block.rpartition(" | .venv/bin/python")[2])
    printed = subprocess.run([sys.executable, "-c", program], input=answer, capture_output=True, text=True, check=True)  # noqa: S603 - the README's own
    assert printed.stdout.startswith("No event waits")


@pytest.mark.parametrize(
    ("expected", "printed", "is_shown"),
    [
        ("a\n…\nd", "a\nb\nc\nd", True),
        ("a\n…\nd", "a\nd", True),
        ("a …5 │", "a   5 │", True),
        ("a …5 │", "a   6 │", False),
        ("a\nd", "a\nb\nd", False),
        ("a", "a\nmore", False),
        ("a\n  …", "a\nmore\nand more", True),
    ],
)
def test_what_is_printed_is_compared_line_by_line(expected: str, printed: str, *, is_shown: bool) -> None:
    assert shows(expected, printed) is is_shown
