"""A key set in a file, with a checker of tokens that reads it."""

from pathlib import Path

import pytest

from tests.unit.http.auth.keys import TokenRoom


@pytest.fixture
def room(tmp_path: Path) -> TokenRoom:
    return TokenRoom(tmp_path / "jwks.json")
