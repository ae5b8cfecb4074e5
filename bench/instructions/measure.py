"""Measures what a function costs: instructions by cachegrind, and CPU and wall time."""

import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.instructions import lambda_events, trust
from bench.instructions.packages import PROJECT_DIR
from testkit.servers.processes import running
from testkit.waiting import free_port

VALGRIND = shutil.which("valgrind")
ENVIRONMENT = {
    "STAGE": "bench",
    "ORDER_TABLE": "orders-bench",
    "ORDER_STREAM_ARN": "arn:aws:dynamodb:us-east-1:000000000000:table/orders-bench/stream/bench",
    "ORDER_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/000000000000/orders-bench-queue",
    "ORDER_DEAD_LETTER_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/000000000000/orders-bench-queue-dlq",
    "EVENT_TOPIC_ARN": "arn:aws:sns:us-east-1:000000000000:orders-bench-events",
    "EVENT_DEAD_LETTER_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/000000000000/orders-bench-events-dlq",
    "ID_SECRET_ARN": "orders-bench-id-secret",
    "JWT_ISSUER": "https://issuer.example",
    "JWT_AUDIENCE": "orders",
    "JWT_JWKS": "build/bench/jwks.json",
    "REPORT_BATCH_ITEM_FAILURES": "1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_SESSION_TOKEN": "bench",
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
    "POWERTOOLS_METRICS_DISABLED": "1",
    "PYTHONHASHSEED": "0",  # the order of sets, and with it the count, is the same in each run
    "PYTHONDONTWRITEBYTECODE": "1",  # as on Lambda, where the package is read-only
    "HOME": "/nonexistent",  # no AWS profile of this machine
}


@dataclass(frozen=True)
class Program:
    """A handler of a package, and the event that it is called with."""

    path: tuple[Path, ...]
    handler: str
    event: Path
    endpoint_url: str
    extra: Mapping[str, str] | None = None

    def command(self, times: int, *others: Path) -> list[str]:
        """Return the command that handles its event so many times, after others' events."""
        module, _, attribute = self.handler.rpartition(".")
        child = str(PROJECT_DIR / "bench" / "instructions" / "child.py")
        return [sys.executable, "-S", "-P", child, module, attribute, str(times), *map(str, (*others, self.event))]

    def environment(self) -> dict[str, str]:
        path = os.pathsep.join(str(each) for each in self.path)
        own = {"PYTHONPATH": path, "AWS_ENDPOINT_URL": self.endpoint_url, "_HANDLER": self.handler}
        return ENVIRONMENT | trust.environment() | own | dict(self.extra or {})


def cold_instructions(program: Program) -> float:
    """Instructions (millions) from the start of the process to the first response."""
    return _count(program.command(1), program.environment())


def cold_and_warm_instructions(program: Program, many: int = 11) -> tuple[float, float]:
    """`cold_instructions`, and those of each further call: in one run where the two functions need three."""
    cold, all_of_them = _counts(program.command(many), program.environment() | {"BOTH": "1"})
    return cold, (all_of_them - cold) / (many - 1)


def cold_and_warm_of_a_handler(programs: Mapping[str, Program], many: int = 11) -> dict[str, tuple[float, float]]:
    """`cold_and_warm_instructions` of programs that differ in their events alone: in one run, which imports once."""
    *others, last = programs.values()
    # The import, which is counted as a part of each, must be the same.
    assert all(replace(each, event=last.event) == last for each in others)  # noqa: S101 - the caller's mistake
    command = last.command(many, *(each.event for each in others))
    found = iter(_counts(command, last.environment() | {"BOTH": "1"}))
    counted = zip(found, found, strict=True)  # of each event: after the first response, and at the end
    return {name: (cold, (end - cold) / (many - 1)) for name, (cold, end) in zip(programs, counted, strict=True)}


def warm_instructions(program: Program, few: int = 3, many: int = 13) -> float:
    """Instructions (millions) of one warm call: the difference between many calls and few, per call."""
    counted = [_count(program.command(times), program.environment()) for times in (few, many)]
    return (counted[1] - counted[0]) / (many - few)


def cold_each(programs: Mapping[str, Program]) -> dict[str, float]:
    """`cold_instructions` of each program, as many at a time as there are processors: counts do not depend on load."""
    return _each(cold_instructions, programs)


def warm_each(programs: Mapping[str, Program]) -> dict[str, float]:
    """`warm_instructions` of each program, as many at a time as there are processors."""
    return _each(warm_instructions, programs)


def _each(count: Callable[[Program], float], programs: Mapping[str, Program]) -> dict[str, float]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(programs, pool.map(count, programs.values()), strict=True))


def interpreter_instructions() -> float:
    """Instructions (millions) of an interpreter that runs no program; they are part of every cold start."""
    return _count([sys.executable, "-S", "-P", "-c", "pass"], ENVIRONMENT)


def seconds(program: Program, times: int) -> tuple[float, float, float]:
    """CPU seconds to the first response; CPU and wall seconds of each further call."""
    printed = _run(program.command(times), program.environment())
    found = re.search(r"^bench:(.*)$", printed, re.MULTILINE)
    assert found, printed  # noqa: S101 - child.py prints it
    cold, cpu, wall = json.loads(found[1])
    calls = max(times - 1, 1)
    return cold, cpu / calls, wall / calls


def paired(programs: Mapping[str, Program], times: int, rounds: int) -> dict[str, tuple[float, float, float]]:
    """Medians of `seconds`. The programs take turns, so that other load of the machine affects all of them alike."""
    runs: dict[str, list[tuple[float, float, float]]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            runs[name].append(seconds(program, times))
    return {
        name: (
            statistics.median(run[0] for run in each),
            statistics.median(run[1] for run in each),
            statistics.median(run[2] for run in each),
        )
        for name, each in runs.items()
    }


@contextmanager
def stub(delay_ms: float = 0, *, tls: bool = True) -> Iterator[str]:
    """A stub of AWS on a free port, with TLS as AWS has it, or by plain HTTP; yields its address."""
    port = free_port()
    arguments = [str(port), str(delay_ms), str(lambda_events.answers())]
    if tls:
        arguments.append(str(trust.server()))
    with running([sys.executable, "-m", "testkit.aws_stub", *arguments], lambda: _listens(port)):
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _count(command: list[str], environment: Mapping[str, str]) -> float:
    return _counts(command, environment)[-1]


def _counts(command: list[str], environment: Mapping[str, str]) -> list[float]:
    """Instructions (millions) at the end of each fork of the command's process, and at its own end."""
    assert VALGRIND, "valgrind is not installed"  # noqa: S101 - callers check this first
    counter = [VALGRIND, "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    found = re.findall(r"I\s+refs:\s+([\d,]+)", _run([*counter, *command], environment))
    return [int(each.replace(",", "")) / 1e6 for each in found]


def _run(command: list[str], environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        command, env=environment, cwd=PROJECT_DIR, capture_output=True, text=True, check=False, timeout=600
    )
    if done.returncode:
        raise RuntimeError(f"{command} ended with {done.returncode}:\n{done.stderr}")
    return done.stderr
