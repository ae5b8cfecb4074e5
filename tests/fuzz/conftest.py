"""The entry points of app.py, made once: what one example leaves behind must not matter to the next."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.fake_aws.repeatable import repeatable
from tests.fuzz.entry_points import EntryPoints
from tests.unit.http.auth.keys import EC, RSA


@pytest.fixture(scope="session")
def jwks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "jwks.json"
    path.write_text(json.dumps({"keys": [key.as_dict(private=False) for key in (RSA, EC)]}))
    return path


@pytest.fixture(scope="module")
def entry_points(jwks: Path) -> Iterator[EntryPoints]:
    with repeatable(1, JWT_JWKS=str(jwks)):
        yield EntryPoints()
