"""What an order costs in the local run: CPU and orders per second, beside an earlier commit and a plain monolith."""

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.instructions.packages import BUILD, PROJECT_DIR
from bench.load.driver import Target, closed_loop
from ordersctl.client.invoices import Placeable
from testkit.servers.local_run import LocalRun
from testkit.servers.processes import running
from testkit.waiting import eventually, free_port

BEFORE = "75244f0"  # the last commit whose event sources call the engine by boto3
TARGET = 0.75  # the most CPU per order, against that commit
SECONDS, CLIENTS = 6.0, 8
_WARM_SECONDS = 2.0
_PROCESSES = ("API", "event sources", "engine")


@dataclass(frozen=True)
class Cost:
    """CPU milliseconds of an order, by process, and orders per second from the first request to the last event."""

    cpu_ms: Mapping[str, float]
    orders_per_second: float

    @property
    def total_ms(self) -> float:
        return sum(self.cpu_ms.values())


def measured(orders: Sequence[Placeable]) -> dict[str, Cost]:
    """Return the costs of this working tree, of the commit before where the repository has it, and of the monolith."""
    trees = {"orders": PROJECT_DIR}
    if (before := _checked_out(BEFORE)) is not None:
        trees[f"orders at {BEFORE}"] = before
    found = {name: of_local_run(tree, orders) for name, tree in trees.items()}
    return {**found, "FastAPI + SQLite": of_monolith(orders)}


def of_local_run(tree: Path, orders: Sequence[Placeable]) -> Cost:
    """Measure the local run of a working tree."""
    with _local_run(tree) as run:
        eventually(lambda: "engine" in _pids(run))
        target = Target(run.api_port, _token(tree))
        closed_loop(target, orders, CLIENTS, _WARM_SECONDS, "warm")
        posted = _published_all(run, target, orders, "measured", _pids(run))
        target.close()
    return posted


def _published_all(
    run: LocalRun, target: Target, orders: Sequence[Placeable], name: str, pids: Mapping[str, int]
) -> Cost:
    eventually(lambda: _settled(run), within=60)
    published, before = _published(run), _cpu_seconds(pids)
    start = time.time()
    posts = closed_loop(target, orders, CLIENTS, SECONDS, name)
    count = sum(each.status == 202 for each in posts)  # noqa: PLR2004 - accepted
    eventually(lambda: _published(run) >= published + count, within=120, longest_pause=0.02)
    seconds = time.time() - start
    after = _cpu_seconds(pids)
    return Cost({each: (after[each] - before[each]) * 1e3 / count for each in after}, count / seconds)


def of_monolith(orders: Sequence[Placeable]) -> Cost:
    port = free_port()
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "bench.peers.fastapi_sqlite", str(port), f"{scratch}/monolith.db"]
        target = Target(port, "")
        with running(command, lambda: _answers(port)) as process:
            closed_loop(target, orders, CLIENTS, _WARM_SECONDS, "warm")
            before, start = _cpu_seconds({"monolith": process.pid}), time.time()
            posts = closed_loop(target, orders, CLIENTS, SECONDS, "measured")
            seconds, after = time.time() - start, _cpu_seconds({"monolith": process.pid})
        target.close()
    count = sum(each.status == 201 for each in posts)  # noqa: PLR2004 - created
    return Cost({"monolith": (after["monolith"] - before["monolith"]) * 1e3 / count}, count / seconds)


def rows(found: Mapping[str, Cost]) -> list[list[str]]:
    """A header row, and a row per system."""
    ours = found["orders"].total_ms
    parts = [f"{each}, CPU ms" for each in _PROCESSES]
    cells = [["the local run, per order", *parts, "all, CPU ms", "ours / this", "orders/s"]]
    for name, cost in found.items():
        parts = [f"{cost.cpu_ms[each]:.2f}" if each in cost.cpu_ms else "" for each in _PROCESSES]
        ratio = "" if name == "orders" else f"{ours / cost.total_ms:.2f}"
        cells.append([name, *parts, f"{cost.total_ms:.2f}", ratio, f"{cost.orders_per_second:.0f}"])
    return cells


def sentence(found: Mapping[str, Cost]) -> str:
    """Compares the CPU per order with that of the commit before."""
    before = found.get(f"orders at {BEFORE}")
    if before is None:
        return f"The commit {BEFORE} is not in this clone: not compared."
    ratio = found["orders"].total_ms / before.total_ms
    missed = "" if ratio <= TARGET else " (**missed**)"
    return f"CPU per order against {BEFORE}: {ratio:.2f}, target ≤ {TARGET}{missed}."


def _checked_out(commit: str) -> Path | None:
    """Return a directory with the files of a commit; None where the repository does not have it (a shallow clone)."""
    directory = BUILD / "before" / commit
    if directory.exists():
        return directory
    archive = subprocess.run(["git", "archive", commit], cwd=PROJECT_DIR, capture_output=True, check=False)  # noqa: S607
    if archive.returncode:
        return None
    directory.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(directory, filter="data")
    return directory


@contextmanager
def _local_run(tree: Path) -> Iterator[LocalRun]:
    with tempfile.TemporaryDirectory() as scratch:
        run = LocalRun.start_of(tree, Path(scratch))
        try:
            yield run.ready()
        finally:
            run.stop()


def _token(tree: Path) -> str:
    command = [sys.executable, "-m", "ordersctl", "token", "--service", "bench"]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=True).stdout.strip()


def _pids(run: LocalRun) -> dict[str, int]:
    found = json.loads((run.state_dir / "run.json").read_text())
    pids: dict[str, int] = found.get("processes", found)  # in earlier commits the file had processes only
    return pids


def _published(run: LocalRun) -> int:
    lines = (run.state_dir / "logs" / "invocations.log").read_text().splitlines()
    invocations = [json.loads(line) for line in lines if line.endswith("}")]
    return sum(each["records"] for each in invocations if each["function"] == "publish-events")


def _settled(run: LocalRun) -> bool:
    before = _published(run)
    time.sleep(1)  # no order is on its way if none more was published meanwhile
    return _published(run) == before


def _answers(port: int) -> bool:
    import socket  # noqa: PLC0415 - used here only

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _cpu_seconds(pids: Mapping[str, int]) -> dict[str, float]:
    """Return the CPU time of processes so far, of the kernel's in /proc (proc(5), fields 14 and 15)."""
    found = {}
    for name, pid in pids.items():
        if name in (*_PROCESSES, "monolith"):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            found[name] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found
