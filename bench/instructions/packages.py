"""Deployment packages of this service and of the peers, made of what is installed here.

So building them needs no network, and all have the same versions.
"""

import compileall
import functools
import py_compile
import shutil
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from chalicelib.aws.tls import AMAZON_ROOTS
from chalicelib.http.auth.issuer_trust import ISSUER_ROOTS

PROJECT_DIR = Path(__file__).resolve().parents[2]
BUILD = PROJECT_DIR / "build" / "bench"


@dataclass(frozen=True)
class Package:
    """A function's code and its dependencies. boto3 is part of Lambda's runtime, and of no package."""

    name: str
    handler: str  # module.attribute
    needs: tuple[str, ...]
    source: str | None  # a module of bench/peers; None is this service


ORDERS = Package("orders", "app.app", ("pydantic", "joserfc"), None)
RAW = Package("raw handler", "handler.handler", ("pydantic",), "raw")
CHALICE = Package("Chalice, defaults", "handler.app", ("pydantic",), "chalice_defaults")
FASTAPI = Package("FastAPI + Mangum", "handler.handler", ("fastapi", "mangum"), "fastapi_mangum")
POWERTOOLS = Package("Powertools resolver", "handler.handler", ("aws-lambda-powertools", "pydantic"), "powertools")
CHALICE_TUNED = Package("Chalice, tuned", "handler.app", ("pydantic",), "chalice_tuned")
FASTAPI_TUNED = Package("FastAPI, tuned", "handler.handler", ("fastapi", "mangum"), "fastapi_tuned")
POWERTOOLS_TUNED = Package(
    "Powertools, tuned", "handler.handler", ("aws-lambda-powertools", "pydantic"), "powertools_tuned"
)
FLASK = Package("Flask + apig-wsgi", "handler.handler", ("flask", "apig-wsgi", "pydantic"), "flask_wsgi")


def runtime() -> Path:
    """The part of Lambda's runtime that the packages use: boto3 and its dependencies, compiled."""
    directory = BUILD / "runtime"
    if not directory.exists():
        _copy(_closure(["boto3"]), directory)
        _compile(directory)
    return directory


@functools.cache
def build(package: Package, *, compiled: bool, authority: bytes = b"") -> Path:
    """Make a package's directory: with bytecode that is valid wherever it is unpacked, or without bytecode.

    `authority` is a certificate (PEM) that this service is to trust beside Amazon's, and as one of a usual issuer.
    """
    directory = BUILD / package.name.replace(" ", "-") / ("compiled" if compiled else "source")
    shutil.rmtree(directory, ignore_errors=True)
    _copy(_closure(package.needs) - _closure(["boto3"]), directory)
    if package in {ORDERS, CHALICE, CHALICE_TUNED}:  # the files that Chalice adds to a package
        (directory / "chalice").mkdir()
        for name in ("__init__.py", "app.py"):
            shutil.copy(str(metadata.distribution("chalice").locate_file(f"chalice/{name}")), directory / "chalice")
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT_DIR / "chalicelib", directory / "chalicelib", ignore=ignore)
    with (directory / AMAZON_ROOTS.relative_to(PROJECT_DIR)).open("ab") as roots:
        roots.write(b"\n" + authority)
    if authority:
        with (directory / ISSUER_ROOTS.relative_to(PROJECT_DIR)).open("a") as names:
            names.write(sha256(ssl.PEM_cert_to_DER_cert(authority.decode())).hexdigest())
    if package.source is None:
        shutil.copy(PROJECT_DIR / "app.py", directory)
    else:
        shutil.copy(PROJECT_DIR / "bench" / "peers" / f"{package.source}.py", directory / "handler.py")
    if compiled:
        _compile(directory)
    return directory


def _compile(directory: Path) -> None:
    # By unchecked hash: a package's files are dated 1980, so bytecode that is checked by date would count as stale.
    compileall.compile_dir(directory, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)


def _closure(names: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name not in found:
            found.add(name)
            needed = [Requirement(text) for text in metadata.requires(name) or ()]
            waiting += [each.name for each in needed if each.marker is None or each.marker.evaluate({"extra": ""})]
    return found


def _copy(names: Iterable[str], directory: Path) -> None:
    for name in sorted(names):
        for file in metadata.files(name) or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                target = directory / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file.locate(), target)
