"""The seeded bugs fit the code: each patch applies, and its tests exist. `make seeded-bugs` shows that they find it."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from ordersctl.shared.project import PROJECT_DIR
from testkit.seeded_bugs import Bug, apply, bugs, copy_into


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("tree")
    copy_into(tree)
    return tree


@pytest.mark.parametrize("bug", bugs(), ids=lambda bug: bug.name)
def test_a_seeded_bug_applies_to_the_code(bug: Bug, tree: Path) -> None:
    sources = [tree / "app.py", *tree.glob("chalicelib/**/*.py"), *tree.glob("ordersctl/**/*.py")]
    before = {path: path.read_text() for path in sources}
    errors = apply(bug, tree)
    changed = {path for path, text in before.items() if path.read_text() != text}
    for path in changed:
        path.write_text(before[path])
    assert errors == ""
    assert changed


@pytest.mark.parametrize("bug", bugs(), ids=lambda bug: bug.name)
def test_a_seeded_bug_says_what_it_does_and_which_tests_find_it(bug: Bug) -> None:
    assert bug.what.endswith(".")
    assert bug.tests
    for test in bug.tests:
        path, _, function = test.partition("::")
        nodes = ast.walk(ast.parse((PROJECT_DIR / path).read_text(encoding="utf-8")))
        names = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
        assert not function or function in names, test


def test_no_two_seeded_bugs_are_the_same_change() -> None:
    changes = Counter(change(bug) for bug in bugs())
    assert [text for text, times in changes.items() if times > 1] == []


def change(bug: Bug) -> str:
    """The lines that a patch adds and removes."""
    body = bug.patch.read_text(encoding="utf-8").partition("\n--- ")[2]
    return "\n".join(line for line in body.splitlines() if line.startswith(("+", "-")))


def test_there_are_at_least_forty_seeded_bugs() -> None:
    assert len(bugs()) >= 40
