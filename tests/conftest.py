"""Fixtures of all tests: an AWS engine of their own, the stack in it, the whole local run, and the service's log."""

import gc
import io
import logging
import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from chalicelib import logs
from ordersctl.local.engine import deploy
from testkit import botocore_models
from testkit.permissions import calls, page
from testkit.servers.engine import running_engine
from testkit.servers.local_run import LocalRun
from tests.service.events.topics import EventTopics

# Before any test is imported: no deadline, for the machine is shared; no database, for a failure prints its example.
settings.register_profile("untimed", deadline=None, database=None)
settings.load_profile("untimed")

botocore_models.parse_once()


def pytest_configure() -> None:
    """Start every child with SIGINT's default action, wherever the tests run.

    A shell without job control has what it starts in the background ignore SIGINT (POSIX Shell Command Language, 2.11),
    and children inherit that. A handler is not inherited: the child gets the default (execve(2)).
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Leave what is imported by now out of every garbage collection: it would be a twentieth of the tests' CPU."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


@pytest.fixture(scope="session", autouse=True)
def no_run_is_found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep commands from finding the local runs of other tests, and one that somebody works with meanwhile.

    The first fixture, and so the last one that ends: whatever any other has set in the environment must be gone then.
    """
    before = _environment()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ORDERS_STATE_DIR", str(tmp_path_factory.mktemp("no-run")))
        yield
    left = {name for name, _ in _environment() ^ before}
    assert not left, f"a test or fixture has left its settings to later ones: {sorted(left)}"


def _environment() -> set[tuple[str, str]]:
    # Every Chalice application appends its name to the first; pytest sets the second.
    return {each for each in os.environ.items() if each[0] not in {"AWS_EXECUTION_ENV", "PYTEST_CURRENT_TEST"}}


@pytest.fixture(scope="session")
def engine_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An AWS engine on a free port, for all tests of the session."""
    with running_engine(tmp_path_factory.mktemp("engine")) as url:
        yield url


@pytest.fixture(scope="session")
def aws_client() -> str:
    """AWS_CLIENT of the service under test; tests/service runs with both."""
    return "thin"


@pytest.fixture(scope="session")
def stack(engine_url: str) -> dict[str, str]:
    """The outputs of stage local's stack in the tests' engine."""
    return deploy(engine_url, stage="local")


@pytest.fixture(scope="session")
def local_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRun]:
    """The whole local run, for all tests of the session that do no harm to it."""
    run = LocalRun.start(tmp_path_factory.mktemp("run"))
    try:
        yield run.ready()
    finally:
        run.stop()


@pytest.fixture
def clean_run(local_run: LocalRun) -> LocalRun:
    """The local run without dead letters, for tests that look at all that it has."""
    local_run.purge_dead_letters()
    return local_run


@pytest.fixture(autouse=True)
def every_call_has_its_permission() -> Iterator[None]:
    """Fail a test in which a function makes a call to AWS that is not in the table of permissions."""
    before = set(calls.made)
    yield
    if new := calls.made - before:
        allowed = page.published_rows()
        missing = {call[:3] for call in new} - {tuple(row) for row in allowed}
        assert not missing, f"not in {page.PAGE.name}: {sorted(missing)}"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the service logs while the test runs."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonLines())
    logs.logger.addHandler(handler)
    level = logs.logger.level
    logs.logger.setLevel(logging.INFO)
    yield stream
    logs.logger.removeHandler(handler)
    logs.logger.setLevel(level)


@pytest.fixture
def topics(engine_url: str, aws_client: str) -> EventTopics:
    """The engine as publishers and subscribers see it."""
    return EventTopics(engine_url, aws_client)
