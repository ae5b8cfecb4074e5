"""`python -m bench.migration`: what the commands of a move take, beside a MariaDB server and the embedded engine.

Each command is a process of its own, whose processor time and largest memory the kernel counts. With two sizes the
memory shows whether it grows with the number of orders. Needs mariadb-server-core; a minute for each thousand orders
on a busy machine.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import click

from ordersctl.local.engine import deploy
from ordersctl.shared.project import PROJECT_DIR
from testkit.servers.engine import running_engine
from testkit.servers.mariadb import MariaDb, running_mariadb

SIZES = (2_000, 8_000)
_EXAMPLES = PROJECT_DIR / "examples" / "migrate"
_MILLION = 1_000_000
_AT_ONCE = 1_000  # rows of an INSERT
_CHANGE = "UPDATE orders SET comments = 'changed'"  # of every order, so that follow copies each again
_COMMANDS = {
    "snapshot": ("snapshot",),
    "follow": ("follow", "--until-caught-up"),
    "verify": ("verify",),
}


class Cost(NamedTuple):
    """What one command took."""

    seconds: float  # of a processor
    memory: int  # bytes, at most


@click.command()
@click.option("--size", "sizes", type=click.IntRange(100), multiple=True, default=SIZES, show_default=True)
def migration(sizes: Sequence[int]) -> None:
    """Copy, follow and compare so many orders of the classic schema, and print what each takes."""
    rows = [["command", "orders", "orders a processor second", "memory", "processor minutes of a million"]]
    with tempfile.TemporaryDirectory() as scratch:
        for size in sizes:
            for command, cost in _measured(Path(scratch) / str(size), size):
                rate = size / cost.seconds
                minutes = _MILLION / rate / 60
                rows.append([command, f"{size:,}", f"{rate:.0f}", f"{cost.memory / 1e6:.0f} MB", f"{minutes:.0f}"])
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    click.echo("\n".join([head, "|---|--:|--:|--:|--:|", *body]))


def _measured(directory: Path, size: int) -> Iterator[tuple[str, Cost]]:
    """Each command and what it takes, in a shop and a stage of their own."""
    with running_mariadb(directory / "mariadb") as server, running_engine(directory / "engine") as url:
        deploy(url, stage="local")
        _fill(server, size)
        environment = os.environ | {
            "AWS_ENDPOINT_URL": url,
            "ORDERS_STATE_DIR": str(directory),
            "ORDERS_SOURCE_HOST": "127.0.0.1",
            "ORDERS_SOURCE_PORT": str(server.port),
            "ORDERS_SOURCE_USER": "root",
            "ORDERS_SOURCE_PASSWORD": "",
        }
        for name, arguments in _COMMANDS.items():
            if name == "follow":
                server.run(_CHANGE, database="classic")
            yield name, _cost(arguments, environment)


def _fill(server: MariaDb, size: int) -> None:
    """A shop of the classic schema with orders of one and of two lines."""
    server.run("CREATE DATABASE classic DEFAULT CHARSET utf8mb4")
    server.load((_EXAMPLES / "schemas" / "classic.sql").read_text(), "classic")
    server.run(
        "INSERT INTO customers VALUES (103, 'Ann Lee', '1 High Street', NULL, 'Leeds', '', 'LS1 1AA', 'UK')",
        "INSERT INTO products VALUES ('A', 'A mug', 12.34), ('B', 'A lantern', 5.00)",
        database="classic",
    )
    for start in range(1, size + 1, _AT_ONCE):
        numbers = range(start, min(start + _AT_ONCE, size + 1))
        orders = [f"({n}, '2024-05-{1 + n % 28:02d}', '2024-06-01', NULL, 'Shipped', NULL, 103)" for n in numbers]
        lines = [f"({n}, 'A', {1 + n % 9}, 12.34, 1)" for n in numbers] + [
            f"({n}, 'B', 2, 5.00, 2)" for n in numbers if n % 2
        ]
        server.run(f"INSERT INTO orders VALUES {', '.join(orders)}", database="classic")  # noqa: S608
        server.run(f"INSERT INTO orderdetails VALUES {', '.join(lines)}", database="classic")  # noqa: S608


def _cost(arguments: Sequence[str], environment: dict[str, str]) -> Cost:
    """Run a command that must succeed."""
    command = [sys.executable, "-m", "ordersctl", "migrate", *arguments]
    process = subprocess.Popen(
        [*command, "--mapping", str(_EXAMPLES / "classic.toml"), "--json"],
        cwd=PROJECT_DIR,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(arguments)} ended with {process.returncode}")
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


if __name__ == "__main__":
    migration()
