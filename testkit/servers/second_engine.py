"""Starts LocalEmu, the second engine, on this machine only and without Docker: its functions are made and cannot run.

`build/second-engine/bin/python -P testkit/servers/second_engine.py PORT`, as `make e2e-second-engine` starts it.
"""

import functools
import importlib
import os
import sys
from typing import Any

EXECUTOR = "localemu.services.lambda_.invocation.docker_runtime_executor"


def main(port: int) -> None:
    os.environ |= {
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "SKIP_INFRA_DOWNLOADS": "1",
        "LOCALEMU_HOST": f"127.0.0.1:{port}",
    }
    # It ignores the address that it is to listen at, and would listen at all of them.
    endpoints: Any = importlib.import_module("twisted.internet.endpoints")
    endpoints.TCP4ServerEndpoint = functools.partial(endpoints.TCP4ServerEndpoint, interface="127.0.0.1")
    executor: Any = importlib.import_module(EXECUTOR)
    executor.DockerRuntimeExecutor.prepare_version = classmethod(lambda _cls, _version: None)
    executor.DockerRuntimeExecutor.cleanup_version = classmethod(lambda _cls, _version: None)
    sys.argv = ["localemu", "start", "--host", "127.0.0.1", "--port", str(port)]
    command: Any = importlib.import_module("localemu.cli.main")
    command.main()


if __name__ == "__main__":
    main(int(sys.argv[1]))
