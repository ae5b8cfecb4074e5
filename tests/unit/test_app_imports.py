"""app.py is a module and no package, so the import contracts in pyproject.toml do not see it: here is its contract."""

import ast
import sys

from ordersctl.shared.project import PROJECT_DIR

SHIPPED = {"chalice", "chalicelib"}


def imported(nodes: list[ast.stmt]) -> set[str]:
    """The first names of the modules that statements import, those within functions and conditions too."""
    names = set()
    for node in (each for statement in nodes for each in ast.walk(statement)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module).partition(".")[0])
    return names - sys.stdlib_module_names


def is_for_the_chalice_command(statement: ast.stmt) -> bool:
    """Whether it is the block that runs under `chalice local` and not on Lambda."""
    return isinstance(statement, ast.If) and ast.unparse(statement.test) == "'AWS_CHALICE_CLI_MODE' in os.environ"


def test_app_py_imports_what_ships_and_the_local_gateway_for_chalice_local_only() -> None:
    statements = ast.parse((PROJECT_DIR / "app.py").read_text()).body
    guarded = [each for each in statements if is_for_the_chalice_command(each)]
    assert imported([each for each in statements if each not in guarded]) <= SHIPPED
    assert imported(guarded) == {"ordersctl"}
