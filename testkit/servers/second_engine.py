"""Starts LocalEmu, the second engine, on this machine only and without Docker: its functions are made and cannot run.

`build/second-engine/bin/python -P testkit/servers/second_engine.py PORT`, as `make e2e-second-engine` starts it.
"""

import functools
import importlib
import os
import sys
from typing import Any

EXECUTOR = "localemu.services.lambda_.invocation.docker_runtime_executor"
TRANSFORM = "localemu.services.cloudformation.engine.v2.change_set_model_transform"


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
    # Before the SAM transform it looks for macros inside resources, and then refuses references to the aliases that
    # only the transform makes. The template has no such macros, so that nothing is lost without that look.
    transform: Any = importlib.import_module(TRANSFORM)
    transform.ChangeSetModelTransform._execute_local_transforms = lambda _self: None  # noqa: SLF001 - it has no setting
    sys.argv = ["localemu", "start", "--host", "127.0.0.1", "--port", str(port)]
    command: Any = importlib.import_module("localemu.cli.main")
    command.main()


if __name__ == "__main__":
    main(int(sys.argv[1]))
