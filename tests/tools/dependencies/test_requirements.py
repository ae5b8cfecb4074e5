"""What ships and what develops is pinned with hashes, and requirements*.txt agree with pyproject.toml."""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ordersctl.shared.project import PROJECT_DIR

PROJECT = tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text())
SHIPS, RUNS, DEVELOPS = "requirements.txt", "requirements-run.txt", "requirements-dev.txt"
FILES = sorted(PROJECT_DIR.glob("requirements*.txt"))
# All other files are installed together.
OWN_ENVIRONMENT = ("requirements-checkov.txt", "requirements-clients.txt", "requirements-second-engine.txt")


@dataclass(frozen=True)
class Locked:
    """A requirement of a file, and its hashes."""

    requirement: Requirement
    hashes: tuple[str, ...]

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        return str(self.requirement.specifier).removeprefix("==")

    @property
    def is_for_here(self) -> bool:
        return self.requirement.marker is None or self.requirement.marker.evaluate()


def locked(path: Path) -> list[Locked]:
    """The requirements of a file. InvalidRequirement for any other line, such as the address of an index."""
    text = re.sub(r"#.*", "", path.read_text()).replace("\\\n", " ")
    lines = [line.split(" --hash=") for line in text.splitlines() if line.strip()]
    return [Locked(Requirement(each.strip()), tuple(one.strip() for one in hashes)) for each, *hashes in lines]


def versions(path: Path) -> dict[str, str]:
    return {each.name: each.version for each in locked(path)}


def group(name: str) -> list[Requirement]:
    """What a group of pyproject.toml names, with the groups that it includes."""
    found = []
    for each in PROJECT["dependency-groups"][name]:
        found += [Requirement(each)] if isinstance(each, str) else group(each["include-group"])
    return found


def named(file: str) -> list[Requirement]:
    """What pyproject.toml names for a requirements file."""
    ships = [Requirement(each) for each in PROJECT["project"]["dependencies"]]
    if file == SHIPS:
        return ships
    return group(file.removeprefix("requirements-").removesuffix(".txt")) + (ships if file in (RUNS, DEVELOPS) else [])


def installed_closure(requirements: Iterable[Requirement]) -> dict[str, str]:
    """Name -> version of what is installed here of the requirements, and of all that they need."""
    waiting = [(each.name, extra) for each in requirements for extra in ("", *each.extras)]
    seen = set[tuple[str, str]]()
    while waiting:
        name, extra = waiting.pop()
        if (canonicalize_name(name), extra) in seen:
            continue
        seen.add((canonicalize_name(name), extra))
        for needed in map(Requirement, metadata.requires(name) or ()):
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                waiting += [(needed.name, each) for each in ("", *needed.extras)]
    return {name: metadata.version(name) for name, _ in seen}


def test_every_group_has_a_file_and_every_file_a_group() -> None:
    groups = {f"requirements-{name}.txt" for name in PROJECT["dependency-groups"]}
    assert {path.name for path in FILES} == groups | {SHIPS}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_requirement_is_pinned_and_has_hashes(path: Path) -> None:
    for each in locked(path):
        assert re.fullmatch(r"==[\w.]+", str(each.requirement.specifier)), each
        assert each.hashes, each
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in each.hashes), each


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_requirement_of_pyproject_is_pinned_and_locked_at_the_same_version(path: Path) -> None:
    found = versions(path)
    pins = {canonicalize_name(each.name): str(each.specifier) for each in named(path.name)}
    assert pins == {name: f"=={found.get(name)}" for name in pins}


@pytest.mark.parametrize("file", [SHIPS, RUNS, DEVELOPS])
def test_a_file_locks_all_that_its_requirements_need_and_nothing_else(file: str) -> None:
    here = {each.name: each.version for each in locked(PROJECT_DIR / file) if each.is_for_here}
    assert here == installed_closure(named(file))


def test_files_that_are_installed_together_agree() -> None:
    together = [versions(path) for path in FILES if path.name not in OWN_ENVIRONMENT]
    for one in together:
        for other in together:
            assert {name: other[name] for name in one.keys() & other.keys()}.items() <= one.items()


def test_the_sample_consumers_need_nothing_but_boto3_which_lambda_has() -> None:
    for path in PROJECT_DIR.glob("examples/*/requirements.txt"):
        assert locked(path) == []


def test_nothing_is_installed_without_hashes() -> None:
    places = [PROJECT_DIR / "Makefile", PROJECT_DIR / "README.md", PROJECT_DIR / ".ci" / "run"]
    places += [*PROJECT_DIR.glob(".github/workflows/*.yml"), *PROJECT_DIR.glob("docs/*/*.md")]
    commands = [line for path in places for line in path.read_text().splitlines() if "pip install" in line]
    commands = [
        line for line in commands if "orders-client" not in line and "openapi-python-client" not in line
    ]  # a client's
    assert len(commands) >= 2
    assert [line for line in commands if "--require-hashes" not in line] == []
    assert [line for path in places for line in path.read_text().splitlines() if "npm install" in line] == []


def test_the_audit_reads_every_file() -> None:
    recipe = (PROJECT_DIR / "Makefile").read_text().partition("\naudit: ")[2].partition("\n\n")[0]
    assert "$(wildcard requirements*.txt)" in recipe
