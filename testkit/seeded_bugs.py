"""Seeded bugs: each patch of tests/seeded_bugs makes one mistake, and the tests that it names must fail with it.

`python -m testkit.seeded_bugs [NAME…]` applies each patch to a copy of this tree and runs its tests there, after they
have passed in a copy without a bug. It exits with 1 when a test does not fail. `--record NAME` makes a patch of the
uncommitted change of app.py, chalicelib and ordersctl, and takes the change back. tests/README.md says how to add a
bug.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ordersctl.shared.project import PROJECT_DIR

PATCHES = PROJECT_DIR / "tests" / "seeded_bugs"
WORKERS = 2
CAUGHT_BY = "Caught by: "
_SOURCES = ("app.py", "chalicelib", "ordersctl")
_COPIED = (*_SOURCES, "testkit", "tests", "examples", "infra", "docs", ".chalice", "pyproject.toml", "requirements.txt")
_NEW = f"What it does to the service.\n{CAUGHT_BY}tests/…\n"
_PASSED, _FAILED = 0, 1  # pytest's exit codes; with any other one, no test ran to its end


@dataclass(frozen=True)
class Bug:
    """A patch. Its first line describes the effect on the service, the next ones name the tests that find it."""

    name: str
    what: str
    tests: tuple[str, ...]  # pytest's ids
    patch: Path

    @classmethod
    def read(cls, path: Path) -> "Bug":
        what, *lines = path.read_text(encoding="utf-8").partition("\n--- ")[0].splitlines()
        tests = tuple(line.removeprefix(CAUGHT_BY) for line in lines if line.startswith(CAUGHT_BY))
        return cls(path.stem, what, tests, path)


@dataclass(frozen=True)
class Outcome:
    """How one test ran."""

    test: str
    code: int  # pytest's exit code
    output: str

    @property
    def reason(self) -> str:
        """The error of the first test that failed, in one line, or the end of pytest's output."""
        errors = [line[1:].strip() for line in self.output.splitlines() if line.startswith("E  ")]
        telling = [line for line in errors if "FAULT_SEED" not in line]
        return (telling or errors or [self.output[-2_000:]])[0]


def bugs(names: Iterable[str] = ()) -> list[Bug]:
    """The bugs of these names, or all. Raises KeyError for a name without a patch."""
    found = {path.stem: Bug.read(path) for path in sorted(PATCHES.glob("*.patch"))}
    return [found[name] for name in names] or list(found.values())


def apply(bug: Bug, tree: Path) -> str:
    """Apply a patch to a tree, also when lines near its own have changed; returns git's errors, "" when it applies."""
    paths = [f"--include={name}{'' if name.endswith('.py') else '/*'}" for name in _SOURCES]
    # Outside of a repository git takes the patch's paths as they are.
    environment = os.environ | {"GIT_CEILING_DIRECTORIES": str(tree.parent)}
    done = _run(["git", "apply", "-C1", "--recount", *paths, str(bug.patch)], tree, environment)
    return done.stderr if done.returncode else ""


def copy_into(tree: Path) -> None:
    """Copy the part of this tree that the tests need."""
    for name in _COPIED:
        if (PROJECT_DIR / name).is_dir():
            shutil.copytree(PROJECT_DIR / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(PROJECT_DIR / name, tree / name)


@contextmanager
def _copy() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as directory:
        copy_into(Path(directory))
        yield Path(directory)


def _run(command: list[str], tree: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)  # noqa: S603


def _pytest(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ORDERS_")}
    environment |= {"HYPOTHESIS_PROFILE": "seeded-bugs"}
    # -m "": also a test that is marked `full`.
    command = [sys.executable, "-m", "pytest", "-q", "-m", "", "-p", "no:cacheprovider", *arguments]
    return _run(command, tree, environment)


def _test(test: str, tree: Path) -> Outcome:
    done = _pytest(tree, "-x", test)
    return Outcome(test, done.returncode, done.stdout + done.stderr)


def run_without_bugs(tests: Iterable[str]) -> str:
    """Run tests with nothing seeded, each once; returns the end of pytest's output when one does not pass, else ""."""
    with _copy() as tree:
        done = _pytest(tree, "-n", str(WORKERS), "--dist", "loadfile", "--tb=line", *tests)
    return "" if done.returncode == _PASSED else (done.stdout + done.stderr)[-10_000:]


def run_with(bug: Bug) -> tuple[bool, list[str]]:
    """Whether each of its tests finds a bug, and a line about each test."""
    with _copy() as tree:
        if errors := apply(bug, tree):
            return False, [f"the patch does not apply: {errors.strip()}"]
        outcomes = [_test(test, tree) for test in bug.tests]
    lines = [f"{each.test}: {each.reason[:100] if each.code == _FAILED else _not_found(each)}" for each in outcomes]
    return all(each.code == _FAILED for each in outcomes), lines


def _not_found(outcome: Outcome) -> str:
    return "NOT FOUND" if outcome.code == _PASSED else f"pytest exited with {outcome.code}: {outcome.reason}"


def _report(bug: Bug) -> bool:
    started = time.monotonic()
    is_found, lines = run_with(bug)
    head = f"{'found' if is_found else 'NOT FOUND':9} {bug.name} ({time.monotonic() - started:.0f} s)"
    print("\n            ".join([head, *lines]), flush=True)
    return is_found


def check(selected: list[Bug]) -> int:
    """Run the bugs' tests without and with each of them; returns the exit code."""
    tests = sorted({test for bug in selected for test in bug.tests})
    print(f"{len(tests)} tests without a bug:", flush=True)
    if failures := run_without_bugs(tests):
        print("some do not pass, so that they would show nothing:", failures, sep="\n")
        return 1
    with ThreadPoolExecutor(WORKERS) as pool:
        print(f"all pass\n{len(selected)} seeded bugs:", flush=True)
        found = sum(pool.map(_report, selected))
    print(f"{found} of {len(selected)} seeded bugs found")
    return 0 if found == len(selected) else 1


def record(name: str) -> Path:
    """Make a patch of the uncommitted change and undo the change. A patch of this name keeps its first lines."""
    path = PATCHES / f"{name}.patch"
    head = path.read_text(encoding="utf-8").partition("\n--- ")[0] if path.exists() else _NEW
    change = _git("diff", "--unified=2", "--", *_SOURCES)
    lines = [line for line in change.splitlines() if not line.startswith(("diff --git", "index "))]
    path.write_text("\n".join([head, *lines, ""]), encoding="utf-8")
    _git("checkout", "--", *_SOURCES)
    return path


def _git(*arguments: str) -> str:
    done = _run(["git", *arguments], PROJECT_DIR, dict(os.environ))
    done.check_returncode()
    return done.stdout


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m testkit.seeded_bugs", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="a patch's name without .patch; all when none is given"
    )
    parser.add_argument("--record", metavar="NAME", help="make a patch of the uncommitted change, and undo the change")
    arguments = parser.parse_args()
    if arguments.record:
        print(f"recorded in {record(arguments.record).relative_to(PROJECT_DIR)}")
        return 0
    try:
        return check(bugs(arguments.names))
    except KeyError as unknown:
        parser.error(f"there is no seeded bug {unknown}")


if __name__ == "__main__":
    sys.exit(main())
