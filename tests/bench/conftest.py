"""The packages that are measured, for one process at a time."""

import fcntl
from collections.abc import Iterator

import pytest

from bench.instructions import measure
from bench.instructions.packages import BUILD


@pytest.fixture(scope="module")
def only_here() -> Iterator[None]:
    """Until the module ends, no other process builds what is measured in build/bench."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="module")
def aws(only_here: None) -> Iterator[str]:  # noqa: ARG001
    """The address of a fake AWS that speaks TLS, as AWS does."""
    with measure.stub() as url:
        yield url


@pytest.fixture(scope="module")
def plain_aws(only_here: None) -> Iterator[str]:  # noqa: ARG001
    """The address of a fake AWS by plain HTTP, which says how often it was called."""
    with measure.stub(tls=False) as url:
        yield url
