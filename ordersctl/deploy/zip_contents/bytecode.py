"""Bytecode for a deployment package: without it every cold start compiles every module."""

import py_compile
import tempfile
import zipfile
from importlib.util import cache_from_source
from pathlib import Path

# Never imported by the service, and large.
NEVER_IMPORTED = (
    "pydantic/v1/",
    "pydantic/deprecated/",
    "joserfc/drafts/",
    "cryptography/x509/",
    "cffi/",
    "pycparser/",
)


def add_bytecode(package: Path) -> None:
    """Add each module's bytecode to a zip, for the Python that runs this: Chalice sets the same version for Lambda.

    The bytecode is hash-based and unchecked (PEP 552): a package's files are dated 1980, so timestamp-based bytecode
    would be stale, and modules do not change on Lambda.
    """
    with zipfile.ZipFile(package, "a", zipfile.ZIP_DEFLATED) as archive, tempfile.TemporaryDirectory() as scratch:
        names = archive.namelist()
        for name in names:
            if name.endswith(".py") and not name.startswith(NEVER_IMPORTED) and cache_from_source(name) not in names:
                entry = zipfile.ZipInfo(cache_from_source(name))
                entry.external_attr = 0o644 << 16  # Lambda reads as another user
                archive.writestr(entry, _compiled(archive, name, Path(scratch)), zipfile.ZIP_DEFLATED)


def _compiled(archive: zipfile.ZipFile, name: str, scratch: Path) -> bytes:
    source, bytecode = scratch / "module.py", scratch / "module.pyc"
    source.write_bytes(archive.read(name))
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(source), str(bytecode), dfile=f"/var/task/{name}", doraise=True, invalidation_mode=mode)
    return bytecode.read_bytes()
