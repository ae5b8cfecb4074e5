"""The packages that are measured, for one process at a time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench.instructions import measure
from bench.instructions.packages import BUILD


@contextmanager
def _only_here() -> Iterator[None]:
    """Until the block ends, no other process builds what is measured in build/bench."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """The address of a fake AWS that speaks TLS, as AWS does."""
    with _only_here(), measure.stub() as url:
        yield url


@pytest.fixture(scope="module")
def plain_aws() -> Iterator[str]:
    """The address of a fake AWS by plain HTTP, which says how often it was called."""
    with _only_here(), measure.stub(tls=False) as url:
        yield url
