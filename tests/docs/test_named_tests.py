"""The tests and seeded bugs that the documents name exist."""

import ast
import re

import pytest

from ordersctl.shared.project import PROJECT_DIR

NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
DOCUMENTS = ["docs/explain/security.md", "docs/explain/reliability.md", "tests/README.md"]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_test_that_a_document_names_exists(document: str) -> None:
    named = NAMED.findall((PROJECT_DIR / document).read_text(encoding="utf-8"))
    assert named
    for path, function in named:
        tree = ast.parse((PROJECT_DIR / path).read_text(encoding="utf-8"))
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert not function or function in names, f"{path}::{function}"


def test_the_readme_of_the_tests_names_every_test_file() -> None:
    files = {str(path.relative_to(PROJECT_DIR)) for path in (PROJECT_DIR / "tests").rglob("test_*.py")}
    named = {path for path, _ in NAMED.findall((PROJECT_DIR / "tests" / "README.md").read_text(encoding="utf-8"))}
    assert files <= named


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_seeded_bug_that_a_document_names_exists(document: str) -> None:
    seeded = {path.stem for path in (PROJECT_DIR / "tests/seeded_bugs").glob("*.patch")}
    for name in re.findall(r"seeded bug `([\w-]+)`", (PROJECT_DIR / document).read_text(encoding="utf-8")):
        assert name in seeded
