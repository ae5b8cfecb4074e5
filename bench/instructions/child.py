"""Runs one function in a process of its own, as Lambda does: imports it, then calls it with an event several times.

`python -S -P bench/instructions/child.py MODULE ATTRIBUTE TIMES EVENT.json…` prints the CPU seconds up to the first
response, and the CPU and wall seconds of all further calls. It imports as little as possible, because its own imports
are measured too. With BOTH=1 in the environment, a fork of it ends after the first response, so that valgrind counts up
to there, and then to the end; and of several events each is handled by a fork that begins after the import, which is
counted as a part of each. With PORT_443 in the environment, connections to port 443 of any host lead to that port
of 127.0.0.1.
"""

import importlib
import json
import os
import sys
import time

TYPE_CHECKING = False  # typing is an import of its own
if TYPE_CHECKING:
    from typing import Any


class Context:
    aws_request_id = "invocation-1"
    function_name = "bench"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:bench"

    def get_remaining_time_in_millis(self) -> float:
        return 60_000.0


def _redirect(port: int) -> None:
    import socket  # noqa: PLC0415 - only the authorizer has this variable; it imports both by itself

    from chalicelib.http.auth import key_download  # noqa: PLC0415

    key_download.download.__defaults__ = (60.0,)  # seconds: valgrind slows a handshake down
    connect = socket.create_connection

    def to_this_machine(address, *more, **options):  # type: ignore[no-untyped-def]
        return connect(("127.0.0.1", port) if address[1] == 443 else address, *more, **options)  # noqa: PLR2004

    socket.create_connection = to_this_machine


def main(module: str, attribute: str, times: str, *event_files: str) -> None:
    if "PORT_443" in os.environ:
        _redirect(int(os.environ["PORT_443"]))
    handler = getattr(importlib.import_module(module), attribute)
    for event_file in event_files[:-1]:
        if not (fork := os.fork()):
            return _handle(handler, event_file, int(times))
        if os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1]):
            sys.exit(f"{module}: {event_file}")
    return _handle(handler, event_files[-1], int(times))


def _handle(handler: "Any", event_file: str, times: int) -> None:
    with open(event_file, encoding="utf-8") as file:  # noqa: PTH123 - pathlib is an import of its own
        text = file.read()
    started = 0.0
    cpu = wall = 0.0
    for number in range(times):
        event = json.loads(text)
        if number == 1:
            cpu, wall = time.process_time(), time.perf_counter()
        answer = handler(event, Context())
        if number == 0:
            started = time.process_time()
            failed = isinstance(answer, dict) and answer.get("statusCode", 200) not in {200, 202}
            if failed or (isinstance(answer, dict) and answer.get("batchItemFailures")):
                sys.exit(f"{event_file}: {answer}")
            if "BOTH" in os.environ:
                fork = os.fork()
                if not fork:
                    sys.exit(0)  # with all that an interpreter does at its end, as the whole run does
                os.waitpid(fork, 0)
    result = [started, time.process_time() - cpu, time.perf_counter() - wall]
    sys.stderr.write(f"bench:{json.dumps(result)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
