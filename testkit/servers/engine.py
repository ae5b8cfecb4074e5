"""The embedded AWS engine on a free port."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ordersctl.local.child_process import stop
from ordersctl.local.engine import engine, serve
from ordersctl.shared.engine_client import HEALTH, get_json
from testkit.waiting import eventually, free_port


@contextmanager
def running_engine(directory: Path, services: str | None = None) -> Iterator[str]:
    """Run an engine, with its log in `directory`; yields its address.

    `services` names other services than usual, and lets stacks have any resources. Such an engine runs the code of
    anybody on this machine, for as long as the tests that need Lambda take; the local run has no way to ask for it.
    """
    (directory / "logs").mkdir(parents=True)
    port = free_port()
    child = engine(port, directory)
    if services is not None:
        child.entry = "testkit.servers.engine:serve_everything"
        child.environment = {**child.environment, "SERVICES": services}
    child.start()
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: get_json(url + HEALTH))
        yield url
    finally:
        stop([child])


def serve_everything() -> None:
    serve(everything=True)
