"""Generated clients against the running service; what other generators make of the contracts, and what linters say."""

import ast
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from ordersctl.contract import event_schemas
from ordersctl.contract.openapi.document import DOCUMENT
from ordersctl.local.tokens import CUSTOMER_SCOPE, local_token
from testkit.servers.local_run import LocalRun
from tests.contract.clients.generated import HERE, HOME, clients, run

pytestmark = pytest.mark.full  # tens of seconds of generators, of which none is ours
SEEN = {
    "again": True,
    "total": 5 * 255,
    "metadata": {"cart": "c_4"},
    "changed": ["cancelled", "ordered twice", 2],
    "pages": [["2026-4", "2026-3"], ["2026-2", "2026-1"], ["2026-0"]],
    "problems": [
        ["urn:problem:orders:precondition-failed", 412],
        ["urn:problem:orders:invalid-order", "/items/0/quantity"],
    ],
}


@pytest.fixture(scope="module")
def generated() -> Path:
    return clients()


@pytest.fixture(scope="module")
def names() -> set[str]:
    """The names of the document's schemas."""
    return set(json.loads(DOCUMENT.read_text())["components"]["schemas"])


def journey(program: str, script: Path, service: LocalRun, customer: str, **environment: str) -> Any:
    token = local_token(subject=customer, scope=CUSTOMER_SCOPE)
    return json.loads(run(program, script, service.url, token, customer, **environment))


def test_a_python_client_places_polls_reads_changes_and_lists_and_gets_problems(
    generated: Path, local_run: LocalRun
) -> None:
    assert journey("python", HERE / "journey.py", local_run, "client-py", PYTHONPATH=str(generated)) == SEEN


def test_a_typescript_client_places_polls_reads_changes_and_lists_and_gets_problems(
    generated: Path, local_run: LocalRun
) -> None:
    script = Path(shutil.copy(HERE / "journey.ts", generated))
    checks = [
        "--noEmit",
        "--strict",
        "--noUncheckedIndexedAccess",
        "--allowImportingTsExtensions",
        "--target",
        "es2024",
    ]
    run("tsc", *checks, "--lib", "es2024,dom", "--module", "preserve", "--skipLibCheck", script)
    assert journey("node", script, local_run, "client-ts") == SEEN


def test_generators_of_python_models_name_them_as_the_document_does(generated: Path, names: set[str]) -> None:
    made = ast.parse((generated / "models.py").read_text()).body
    assert {each.name for each in made if isinstance(each, ast.ClassDef)} == names
    package = ast.parse((generated / "orders_client" / "models" / "__init__.py").read_text()).body
    classes = {name.name for each in package if isinstance(each, ast.ImportFrom) for name in each.names}
    # A union has no class there; the map of an order in a response has no rules for its names, as the one sent has.
    assert classes == names - {"Adjustment"} | {"OrderMetadata"}


def test_hey_api_names_types_as_the_document_does(generated: Path, names: set[str]) -> None:
    text = (generated / "hey-api" / "types.gen.ts").read_text()
    made = set(re.findall(r"^export type (\w+)", text, re.MULTILINE))
    assert names <= made
    assert [name for name in made if re.search(r"\d$", name)] == []


def test_redocly_finds_nothing_in_the_openapi_document() -> None:
    said = json.loads(run("redocly", "lint", "--extends=recommended", "--format=json", DOCUMENT))
    assert said["problems"] == []


@pytest.mark.parametrize(
    ("rules", "document"), [("oas", DOCUMENT), ("asyncapi", event_schemas.FOLDER / "asyncapi.yaml")]
)
def test_spectral_finds_nothing_in_either_contract(rules: str, document: Path, tmp_path: Path) -> None:
    ruleset = tmp_path / "rules.yaml"
    ruleset.write_text(f'extends: ["spectral:{rules}"]\n')
    said = run("spectral", "lint", "--ruleset", ruleset, "--format=json", "--fail-severity=hint", "--quiet", document)
    assert json.loads(said) == []


def test_the_programs_are_those_that_are_pinned() -> None:
    assert (HOME / "package-lock.json").read_bytes() == (HERE / "package-lock.json").read_bytes()
