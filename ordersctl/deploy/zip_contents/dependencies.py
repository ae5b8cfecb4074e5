"""The dependencies of a package: the wheels for Lambda whose hashes are in requirements.txt.

Chalice fetches wheels for Lambda by name and version, does not check their hashes, and leaves out of the package those
that it does not find. So `ordersctl package` fetches all of them itself.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import click

# Lambda's architectures, as the names of wheels spell them.
_MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
# Python 3.11 runs on Amazon Linux 2, newer ones on Amazon Linux 2023.
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
_GLIBC_MINOR = 26 if sys.version_info < (3, 12) else 34
_OLDEST_GLIBC_MINOR = 17


def install(requirements: Path, directory: Path, architecture: str) -> None:
    """Install the requirements into a directory, for Lambda's Python of this version.

    Raises ClickException when a wheel is missing, or its hash is not in the file.
    """
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        + ["--require-hashes", "--only-binary", ":all:", "--implementation", "cp"]
        + ["--python-version", f"{sys.version_info.major}.{sys.version_info.minor}"]
        + [f"--platform={tag}" for tag in platform_tags(architecture)]
        # Without this machine's bytecode: `add_bytecode` adds what Lambda can use.
        + ["--no-compile", "--target", str(directory), "--requirement", str(requirements)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise click.ClickException(f"{requirements.name} cannot be installed for Lambda:\n{done.stderr or done.stdout}")
    shutil.rmtree(directory / "bin", ignore_errors=True)  # commands, of this machine's Python


def platform_tags(architecture: str) -> list[str]:
    """Return the platforms whose wheels run on Lambda, the newest first: pip knows no order of glibc's versions."""
    machine = _MACHINES[architecture]
    minors = range(_GLIBC_MINOR, _OLDEST_GLIBC_MINOR - 1, -1)
    return [f"manylinux_2_{minor}_{machine}" for minor in minors] + [f"manylinux2014_{machine}"]
