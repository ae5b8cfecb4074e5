"""The workflows of .github, and what else serves contributors: valid, and in step with the Makefile."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ordersctl.shared.project import PROJECT_DIR

WORKFLOWS = sorted((PROJECT_DIR / ".github" / "workflows").glob("*.yml"))
CI = PROJECT_DIR / ".github" / "workflows" / "ci.yml"
DEVCONTAINER = PROJECT_DIR / ".devcontainer" / "devcontainer.json"
NIGHTLY = PROJECT_DIR / ".github" / "workflows" / "nightly.yml"


def read(path: Path) -> dict[Any, Any]:
    workflow: dict[Any, Any] = yaml.safe_load(path.read_text())
    return workflow


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in read(path)["jobs"].values() for step in job["steps"]]


def made(path: Path) -> list[str]:
    """The arguments with which a workflow's jobs call `make`, for each value of their matrix."""
    found: list[str] = []
    for job in read(path)["jobs"].values():
        matrix = job.get("strategy", {}).get("matrix", {})
        for step in job["steps"]:
            for goal in re.findall(r"make (.+)", step.get("run", "")):
                variable = re.fullmatch(r"\$\{\{ matrix\.(\w+) \}\}", goal)
                found += matrix[variable[1]] if variable else [goal]
    return found


@pytest.mark.parametrize(
    ("schema", "pattern"),
    [
        ("github-workflows", "workflows/*.yml"),
        ("dependabot", "dependabot.yml"),
        ("github-issue-forms", "ISSUE_TEMPLATE/[!c]*.yml"),
        ("github-issue-config", "ISSUE_TEMPLATE/config.yml"),
    ],
)
def test_every_file_is_what_github_reads(schema: str, pattern: str) -> None:
    files = [str(path) for path in (PROJECT_DIR / ".github").glob(pattern)]
    assert files
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    assert done.returncode == 0, done.stdout


def test_a_change_is_tested_on_every_python_that_is_supported() -> None:
    lowest = re.search(r'requires-python = ">=3\.(\d+)"', (PROJECT_DIR / "pyproject.toml").read_text())
    assert lowest is not None
    tested = read(CI)["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert tested == [f"3.{minor}" for minor in range(int(lowest[1]), 15)]


def test_the_usual_python_is_the_lowest_that_is_supported() -> None:
    usual = (PROJECT_DIR / ".python-version").read_text().strip()
    assert f'requires-python = ">={usual}"' in (PROJECT_DIR / "pyproject.toml").read_text()
    assert f"python:{usual}-" in json.loads(DEVCONTAINER.read_text())["image"]


def test_the_container_for_development_has_the_programs_that_ci_installs() -> None:
    installed = re.findall(r"(?m)\|\| install ([\w -]+?)(?: \|\||$)", (PROJECT_DIR / ".ci" / "run").read_text())
    wanted = {package for each in installed for package in each.split()}
    assert {"chromium-headless-shell", "valgrind", "mariadb-server-core"} <= wanted
    assert wanted <= set(json.loads(DEVCONTAINER.read_text())["postCreateCommand"].split())


def test_every_folder_that_dependabot_looks_into_has_a_list_of_packages() -> None:
    for update in read(PROJECT_DIR / ".github" / "dependabot.yml")["updates"]:
        for directory in update.get("directories", []):
            assert (PROJECT_DIR / directory.strip("/") / "package.json").is_file()


def test_the_hooks_of_pre_commit_are_parts_of_make_check() -> None:
    """pre-commit has no schema here: each hook is a command of `make check`, without installing anything."""
    checks = re.search(r"^check:.*\n((?:\t.+\n)+)", (PROJECT_DIR / "Makefile").read_text(), re.MULTILINE)
    assert checks
    (repository,) = read(PROJECT_DIR / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    assert {hook["language"] for hook in repository["hooks"]} == {"system"}
    assert [hook["id"] for hook in repository["hooks"] if hook["entry"] not in checks[1]] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_target_that_a_workflow_makes_exists(path: Path) -> None:
    rules = re.findall(r"^([\w -]+):(?!=)", (PROJECT_DIR / "Makefile").read_text(), re.MULTILINE)
    targets = {target for rule in rules for target in rule.split()}
    assert {goal.split()[0] for goal in made(path)} <= targets


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_named_by_its_commit(path: Path) -> None:
    used = [step["uses"] for step in steps(path) if "uses" in step]
    assert [each for each in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", each)] == []


def test_every_night_the_slow_and_the_day_dependent_targets_run() -> None:
    workflow = read(NIGHTLY)
    assert workflow[True]["schedule"]  # YAML 1.1 reads the key `on` as true
    assert {goal.split()[0] for goal in made(NIGHTLY)} == {"audit", "fuzz", "mutants", "faults", "e2e-second-engine"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_can_only_read_except_for_the_one_that_releases(path: Path) -> None:
    assert read(path)["permissions"] == {"contents": "read"}
    permissions = [job["permissions"] for job in read(path)["jobs"].values() if "permissions" in job]
    assert permissions == ([{"contents": "write"}] if path.name == "release.yml" else [])
