"""Plants each bug of planted/ into a copy of this tree; its test must find it: python -m testkit.seeded_bugs [NAME…].

Exits 1 when a bug is not found, or its patch does not apply any more.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLANTED = ROOT / "tests" / "seeded_bugs"
_COPIED = ("app.py", "chalicelib", "ordersctl", "testkit", "tests", "infra", ".chalice", "pyproject.toml")
_FAILED = 1  # pytest's exit status for "tests failed"; others mean that nothing was shown


@dataclass(frozen=True)
class Bug:
    """A patch, what it does to the service, and the test that finds it; its first lines say so."""

    path: Path
    what: str
    test: str

    @classmethod
    def read(cls, path: Path) -> "Bug":
        what, caught_by, *_ = path.read_text(encoding="utf-8").splitlines()
        return cls(path, what, caught_by.removeprefix("Caught by: "))


def bugs(*names: str) -> list[Bug]:
    return [Bug.read(path) for path in sorted(PLANTED.glob("*.patch")) if not names or path.stem in names]


def apply(bug: Bug, tree: Path) -> subprocess.CompletedProcess[str]:
    """Patch a tree; offsets and a changed neighbour line do not matter."""
    command = ["git", "apply", "-C1", "--recount", "--include=app.py", "--include=chalicelib/*", str(bug.path)]
    # Outside of any repository, git takes paths as they are.
    environment = os.environ | {"GIT_CEILING_DIRECTORIES": str(tree.parent)}
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)  # noqa: S603


def copy(tree: Path) -> None:
    for name in _COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, tree / name)


def bite(bug: Bug) -> str:
    """Plant one bug and run its test; returns "found", or what went wrong."""
    with tempfile.TemporaryDirectory() as directory:
        tree = Path(directory)
        copy(tree)
        applied = apply(bug, tree)
        if applied.returncode:
            return f"does not apply: {applied.stderr.strip()}"
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", bug.test]
        result = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)  # noqa: S603
    if result.returncode == _FAILED:
        said = [line[1:].strip() for line in result.stdout.splitlines() if line.startswith("E  ")]
        telling = [line for line in said if not line.startswith("AssertionError: FAULT_SEED")]
        return f"found: {(telling or said or ['?'])[0][:70]}"
    return (
        "NOT FOUND" if result.returncode == 0 else f"pytest: exit status {result.returncode}\n{result.stdout[-2000:]}"
    )


def main(names: list[str]) -> int:
    planted = bugs(*names)
    missed = 0
    print(f"{'planted bug':36} {'by':36} result")
    for bug in planted:
        begun = time.monotonic()
        result = bite(bug)
        missed += not result.startswith("found")
        print(f"{bug.path.stem:36} {bug.test:36} {result} ({time.monotonic() - begun:.0f} s)", flush=True)
    print(f"{len(planted) - missed} of {len(planted)} planted bugs found")
    return 1 if missed or not planted else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
