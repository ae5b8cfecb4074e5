"""Event sources in the tests' engine, and a local API server."""

import threading
from collections.abc import Iterator
from pathlib import Path

import boto3
import chalice.local
import pytest
from chalice.config import Config

from ordersctl.local import api_gateway
from ordersctl.shared.engine_client import client_options
from tests.tools.local.event_sources import QueueSource, TableSource
from tests.tools.local.local_gateway import app


@pytest.fixture
def queue(engine_url: str) -> QueueSource:
    return QueueSource(boto3.client("sqs", **client_options(engine_url)))


@pytest.fixture
def table(engine_url: str, tmp_path: Path) -> TableSource:
    return TableSource(engine_url, tmp_path)


@pytest.fixture(scope="package")
def port() -> Iterator[int]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chalice.local, "LocalDevServer", chalice.local.LocalDevServer)  # restored afterwards
        api_gateway.install()
        server = chalice.local.create_local_server(app, Config(), "127.0.0.1", 0)
    thread = threading.Thread(target=server.server.serve_forever, args=(0.02,))
    thread.start()
    yield server.server.server_address[1]
    server.shutdown()
    thread.join()
    server.server.server_close()
