"""`make run` makes the environment: by uv, by pip where uv is not to be had or fails, and never without a word."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from ordersctl.shared.project import PROJECT_DIR

# Stands in for the interpreter, the environment's python with its pip, and uv: writes down what it is asked, and fails
# at what the test says.
STUB = """\
#!/bin/sh
name=${0##*/}
echo "$name $*" >> "$CALLS"
make_stub() { cp "$STUB" ".venv/bin/$1"; chmod +x ".venv/bin/$1"; }
case "$name $*" in
    *" -m venv "*) mkdir -p .venv/bin; make_stub python; case "$*" in *--without-pip*) ;; *) touch .venv/pip;; esac;;
    "python -m pip --version") test -e .venv/pip || exit 1;;
    "python -m ensurepip"*) touch .venv/pip;;
    *" -r requirements-uv.txt")
        case " $FAILS " in *" network "*|*" uv-download "*) exit 1;; esac
        case "$name $FAILS" in "interpreter own-pip") exit 1;; esac
        make_stub uv;;
    "uv "*) case " $FAILS " in *" uv "*|*" network "*) echo "uv's own words" >&2; exit 1;; esac;;
    "python -m pip install "*) case " $FAILS " in *" network "*) echo "ERROR: pip's own words" >&2; exit 1;; esac;;
esac
"""
ONCE = "Installing what the local run needs into .venv (once)"
SLOWER = "There is no uv to be had: pip takes its place, and longer"
BY_UV = ["uv requirements-build.txt", "uv requirements-run.txt"]
BY_PIP = ["python requirements-build.txt", "python requirements-run.txt"]


@dataclass(frozen=True)
class Made:
    status: int
    output: list[str]
    errors: str
    installed: list[str]  # who installed which file, in turn
    is_complete: bool


def make(directory: Path, fails: str) -> Made:
    """Make the environment in a copy of the project where these fail: network, uv-download, own-pip, uv."""
    for path in [PROJECT_DIR / "Makefile", *PROJECT_DIR.glob("requirements*.txt")]:
        shutil.copy(path, directory)
    interpreter, calls = directory / "interpreter", directory / "calls"
    interpreter.write_text(STUB)
    interpreter.chmod(0o755)
    named = {"PYTHON": str(interpreter), "STUB": str(interpreter), "CALLS": str(calls), "FAILS": fails}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # of a make around it
    done = subprocess.run(
        ["make", "--no-print-directory", ".venv/run"],  # noqa: S607 - whichever make is installed
        cwd=directory,
        env=kept | named,
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    asked = [line.split() for line in calls.read_text().splitlines()]
    installed = [f"{words[0]} {words[-1]}" for words in asked if "-r" in words]
    return Made(
        done.returncode, done.stdout.splitlines(), done.stderr, installed, (directory / ".venv" / "run").exists()
    )


def test_uv_installs_everything(tmp_path: Path) -> None:
    made = make(tmp_path, fails="")
    assert (made.status, made.output, made.errors) == (0, [ONCE], "")
    assert made.installed == ["interpreter requirements-uv.txt", *BY_UV]
    assert made.is_complete


def test_where_the_interpreter_has_no_pip_the_environments_own_fetches_uv(tmp_path: Path) -> None:
    made = make(tmp_path, fails="own-pip")
    assert (made.status, made.output, made.errors) == (0, [ONCE], "")
    assert made.installed == ["interpreter requirements-uv.txt", "python requirements-uv.txt", *BY_UV]


def test_without_a_uv_for_this_machine_pip_installs_and_it_is_said_to_take_longer(tmp_path: Path) -> None:
    made = make(tmp_path, fails="uv-download")
    assert (made.status, made.output) == (0, [ONCE, SLOWER])
    assert made.installed[2:] == BY_PIP
    assert made.is_complete


def test_what_uv_cannot_install_pip_installs(tmp_path: Path) -> None:
    made = make(tmp_path, fails="uv")
    assert (made.status, made.output, made.errors) == (0, [ONCE], "")
    assert made.installed[1:] == [BY_UV[0], BY_PIP[0], BY_UV[1], BY_PIP[1]]
    assert "python -m ensurepip" in (tmp_path / "calls").read_text()  # the environment was made without a pip
    assert made.is_complete


def test_without_a_network_the_error_says_what_is_missing_and_nothing_is_taken_for_installed(tmp_path: Path) -> None:
    made = make(tmp_path, fails="network")
    assert made.status == 2
    assert made.errors.splitlines()[:2] == [
        "ERROR: pip's own words",
        "requirements-build.txt could not be installed. Is the package index reachable? PIP_INDEX_URL or pip's "
        "configuration names it.",
    ]
    assert made.installed[-1] == BY_PIP[0]
    assert not made.is_complete


@pytest.mark.parametrize("interrupted", ["network", "uv-download network"])
def test_an_installation_that_failed_is_done_again(tmp_path: Path, interrupted: str) -> None:
    assert make(tmp_path, fails=interrupted).status == 2
    assert make(tmp_path, fails="").is_complete


def test_without_a_python_that_is_new_enough_it_is_said_which_one_is_needed(tmp_path: Path) -> None:
    shutil.copy(PROJECT_DIR / "Makefile", tmp_path)
    for name in ("uv", "build", "run"):
        (tmp_path / f"requirements-{name}.txt").touch()
    done = subprocess.run(
        ["make", ".venv/run", "PYTHON="],  # noqa: S607 - whichever make is installed
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Orders needs Python 3.11 or newer; name one with PYTHON=" in done.stderr
