"""The packages that are measured, for one process at a time."""

import fcntl
from collections.abc import Iterator

import pytest

from bench.instructions import measure
from bench.instructions.packages import BUILD


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """The address of a fake AWS, while no other process builds what is measured in build/bench."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with measure.stub() as url:
            yield url
