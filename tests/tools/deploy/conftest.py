"""The packaged template, for all tests that read it."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ordersctl.deploy import package
from ordersctl.deploy.sam import translated
from tests.tools.deploy.template_parts import Template


@pytest.fixture(scope="session")
def package_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of stage prod, made without its dependencies."""
    out = tmp_path_factory.mktemp("package")
    package.package.main(["--stage", "prod", "--template-only", "--out", str(out)], standalone_mode=False)
    return out


@pytest.fixture(scope="session")
def packaged(package_directory: Path) -> Iterator[Template]:
    """The template of that package."""
    text = (package_directory / package.TEMPLATE).read_text()
    result: Template = json.loads(text)
    yield result
    assert result == json.loads(text), "a test changed what others read"


@pytest.fixture(scope="session")
def template(packaged: Template) -> Iterator[Template]:
    result = translated(packaged)
    before = copy.deepcopy(result)
    yield result
    assert result == before, "a test changed what others read"
