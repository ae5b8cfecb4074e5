"""The planted bugs can still be planted. That each is found shows `make teeth`, which takes a few minutes."""

from pathlib import Path

import pytest

from testkit.seeded_bugs import ROOT, Bug, apply, bugs, copy


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("tree")
    copy(tree)
    return tree


@pytest.mark.parametrize("bug", bugs(), ids=lambda bug: bug.path.stem)
def test_a_planted_bug_applies_and_names_a_test_that_there_is(bug: Bug, tree: Path) -> None:
    before = {path: path.read_text() for path in [tree / "app.py", *tree.glob("chalicelib/**/*.py")]}
    applied = apply(bug, tree)
    assert applied.returncode == 0, applied.stderr
    changed = {path for path, text in before.items() if path.read_text() != text}
    for path in changed:
        path.write_text(before[path])
    assert changed
    assert bug.what
    assert (ROOT / bug.test.partition("::")[0]).exists()


def test_there_are_at_least_twenty() -> None:
    assert len(bugs()) >= 20
