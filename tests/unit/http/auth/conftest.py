"""A key set in a file, with a checker of tokens that reads it."""

from pathlib import Path

import pytest

from tests.unit.http.auth.keys import TokenHarness


@pytest.fixture
def room(tmp_path: Path) -> TokenHarness:
    return TokenHarness(tmp_path / "jwks.json")
