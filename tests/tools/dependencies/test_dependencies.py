"""`ordersctl package` takes no wheel whose hash is not in requirements.txt, whatever the package index serves."""

import hashlib
import platform
import zipfile
from pathlib import Path

import pytest

from tests.tools.deploy.project import Project

pytestmark = pytest.mark.full  # pip and chalice in processes; no code of the service

LAMBDA = "manylinux_2_17_aarch64"
HERE = f"linux_{platform.machine()}"  # Chalice asks for this machine's wheel first, then for Lambda's


def wheel(index: Path, tag: str, source: str) -> str:
    """Write a wheel of one module into an index, and return its hash as a requirements file says it."""
    path = index / f"parcel-1.0-py3-none-{tag}.whl"
    info = "parcel-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("parcel.py", source)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: parcel\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-{tag}\n")
        archive.writestr(f"{info}/RECORD", "")
    return f"--hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package index in a folder, the only one that pip asks."""
    directory = tmp_path / "index"
    directory.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(directory))
    return directory


def project(directory: Path, *hashes: str) -> Project:
    """A copy of the project that requires the one package, for Lambda on arm64."""
    (directory / "project").mkdir()
    copy = Project.copied(directory / "project", "http://127.0.0.1:1")
    (copy.directory / "requirements.txt").write_text(" \\\n    ".join(["parcel==1.0", *hashes]) + "\n")
    copy.configure("prod", lambda_architecture="arm64")
    return copy


def package(directory: Path) -> Path:
    return directory / "project" / "build" / "prod" / "deployment.zip"


def test_a_wheel_for_lambda_with_a_known_hash_is_packaged(index: Path, tmp_path: Path) -> None:
    project(tmp_path, wheel(index, LAMBDA, "runs_on = 'Lambda'")).ordersctl("package", "--stage", "prod")
    with zipfile.ZipFile(package(tmp_path)) as archive:
        assert archive.read("parcel.py") == b"runs_on = 'Lambda'"


def test_an_altered_wheel_for_lambda_is_not_packaged(index: Path, tmp_path: Path) -> None:
    known = [wheel(index, LAMBDA, "sound = True"), wheel(index, HERE, "sound = True")]
    wheel(index, LAMBDA, "sound = False")
    done = project(tmp_path, *known).run("-m", "ordersctl", "package", "--stage", "prod")
    assert done.returncode == 1
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert not package(tmp_path).exists()


def test_a_pinned_version_without_a_hash_is_not_packaged(index: Path, tmp_path: Path) -> None:
    wheel(index, LAMBDA, "sound = True")
    done = project(tmp_path).run("-m", "ordersctl", "package", "--stage", "prod")
    assert done.returncode == 1
    assert "Hashes are required" in done.stderr


def test_a_package_without_a_wheel_for_lambda_is_an_error(index: Path, tmp_path: Path) -> None:
    known = wheel(index, "manylinux_2_17_x86_64", "sound = True")
    done = project(tmp_path, known).run("-m", "ordersctl", "package", "--stage", "prod")
    assert done.returncode == 1
    assert "requirements.txt cannot be installed for Lambda" in done.stderr
