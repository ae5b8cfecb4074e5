"""Clients made of the OpenAPI document, and the linters of both contracts. `make clients` installs the programs.

What is generated is kept in build/clients/generated until the document, or a program, becomes another one.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from ordersctl.contract.openapi.document import DOCUMENT
from ordersctl.shared.project import PROJECT_DIR

HERE = Path(__file__).parent
HOME = PROJECT_DIR / "build" / "clients"
GENERATED = HOME / "generated"
# What decides how a client looks: the document, the versions of the programs, and how they are called.
_SOURCES = (DOCUMENT, PROJECT_DIR / "requirements-clients.txt", HERE / "package-lock.json", Path(__file__))
_NO_REPORTS = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "DO_NOT_TRACK": "1"}


def run(program: str, *arguments: str | Path, **environment: str) -> str:
    """What an installed program prints; AssertionError with all that it printed if it fails."""
    assert (HOME / "installed").exists(), "the generators of clients are missing: make build/clients/installed"
    path = f"{HOME / 'bin'}:{HOME / 'node_modules' / '.bin'}"
    done = subprocess.run(  # noqa: S603 - pinned programs, with our own arguments
        [shutil.which(program, path=path) or program, *map(str, arguments)],
        cwd=HOME,
        env=os.environ | _NO_REPORTS | environment | {"PATH": f"{path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"
    return done.stdout


def clients() -> Path:
    """The folder of the generated clients, which are made anew when one of their sources has changed."""
    version = hashlib.sha256(b"".join(path.read_bytes() for path in _SOURCES)).hexdigest()
    stamp = GENERATED / "sources"
    if not stamp.exists() or stamp.read_text() != version:
        shutil.rmtree(GENERATED, ignore_errors=True)
        GENERATED.mkdir()
        _generate()
        stamp.write_text(version)
    return GENERATED


def _generate() -> None:
    """Each program with its own defaults, as a client's author would call it."""
    python_client = ("--meta=none", "--fail-on-warning", "--output-path", GENERATED / "orders_client")
    run("openapi-python-client", "generate", "--path", DOCUMENT, *python_client)
    output = ("--output", GENERATED / "models.py", "--output-model-type", "pydantic_v2.BaseModel")
    run("datamodel-codegen", "--input", DOCUMENT, "--input-file-type", "openapi", "--formatters", "builtin", *output)
    run("openapi-typescript", DOCUMENT, "--output", GENERATED / "orders.d.ts")
    run("openapi-ts", "--input", DOCUMENT, "--output", GENERATED / "hey-api", "--no-log-file")
