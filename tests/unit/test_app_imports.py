"""Import contracts that pyproject.toml cannot state: of app.py, which is no package, and what the domain may import."""

import ast
import sys
from pathlib import Path

import pytest

from ordersctl.shared.project import PROJECT_DIR

SHIPPED = {"chalice", "chalicelib"}


def imported_modules(nodes: list[ast.stmt]) -> set[str]:
    """The modules that statements import, those within functions and conditions too."""
    names = set()
    for node in (each for statement in nodes for each in ast.walk(statement)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module))
    return names


def imported(nodes: list[ast.stmt]) -> set[str]:
    """The first names of the imported modules that are not in the standard library."""
    return {name.partition(".")[0] for name in imported_modules(nodes)} - sys.stdlib_module_names


def is_for_the_chalice_command(statement: ast.stmt) -> bool:
    """Whether it is the block that runs under `chalice local` and not on Lambda."""
    return isinstance(statement, ast.If) and ast.unparse(statement.test) == "'AWS_CHALICE_CLI_MODE' in os.environ"


def test_app_py_imports_what_ships_and_the_local_gateway_for_chalice_local_only() -> None:
    statements = ast.parse((PROJECT_DIR / "app.py").read_text()).body
    guarded = [each for each in statements if is_for_the_chalice_command(each)]
    assert imported([each for each in statements if each not in guarded]) <= SHIPPED
    assert imported(guarded) == {"ordersctl"}


DOMAIN = sorted((PROJECT_DIR / "chalicelib" / "domain").rglob("*.py"))


@pytest.mark.parametrize("module", DOMAIN, ids=lambda path: path.stem)
def test_the_domain_imports_itself_pydantic_and_the_standard_library_only(module: Path) -> None:
    body = ast.parse(module.read_text()).body
    assert imported(body) <= {"chalicelib", "pydantic", "pydantic_core"}
    ours = {name for name in imported_modules(body) if name.partition(".")[0] == "chalicelib"}
    assert {name for name in ours if not name.startswith("chalicelib.domain")} == set()
