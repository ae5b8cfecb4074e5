"""Bytecode in a deployment package."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from ordersctl.deploy.zip_contents.bytecode import add_bytecode


def packaged(tmp_path: Path) -> Path:
    path = tmp_path / "deployment.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("thing.py"), "VALUE = 1\n")
        archive.writestr(zipfile.ZipInfo("pydantic/v1/never.py"), "VALUE = 1\n")
    return path


def test_python_uses_the_bytecode_whatever_the_files_date(tmp_path: Path) -> None:
    path = packaged(tmp_path)
    add_bytecode(path)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "task")
    # Were the source read at all, this would be seen.
    (tmp_path / "task" / "thing.py").write_text("VALUE = 2\n")
    os.utime(tmp_path / "task" / "thing.py", (315_532_800, 315_532_800))  # 1980, as in a package
    command = [sys.executable, "-c", "import thing; print(thing.VALUE, thing.__cached__)"]
    said = subprocess.run(command, cwd=tmp_path / "task", capture_output=True, text=True, check=True).stdout  # noqa: S603
    assert said.startswith("1 ")


def test_lambda_may_read_the_bytecode_and_unused_modules_have_none(tmp_path: Path) -> None:
    path = packaged(tmp_path)
    add_bytecode(path)
    with zipfile.ZipFile(path) as archive:
        entries = [each for each in archive.infolist() if each.filename.endswith(".pyc")]
    assert [each.filename for each in entries] == [f"__pycache__/thing.{sys.implementation.cache_tag}.pyc"]
    assert entries[0].external_attr >> 16 == 0o644
