"""A MariaDB server of the tests' own: on a free port, with a binary log, from a data directory made once."""

import getpass
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymysql

from testkit.waiting import eventually, free_port

INSTALL = "apt-get install --no-install-recommends mariadb-server-core mariadb-client-core"
_SERVER = "/usr/sbin/mariadbd"
_LOG = (
    "--log-bin=bin",
    "--binlog-format=ROW",
    "--binlog-row-image=FULL",
    "--binlog-row-metadata=FULL",
    "--server-id=1",
    "--innodb-flush-log-at-trx-commit=0",  # a killed machine may lose a second; a killed server does not
    "--innodb-buffer-pool-size=32M",
)


@dataclass
class MariaDb:
    """A running server."""

    directory: Path
    port: int
    options: tuple[str, ...] = ()
    process: "subprocess.Popen[bytes] | None" = field(default=None)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [
            _SERVER,
            "--no-defaults",
            f"--user={getpass.getuser()}",
            f"--datadir={self.directory}/data",
            f"--socket={self.directory}/socket",
            f"--pid-file={self.directory}/pid",
            f"--tmpdir={self.directory}/temporary",
            "--bind-address=127.0.0.1",
            f"--port={self.port}",
            "--skip-name-resolve",
            f"--log-error={self.directory}/error.log",
            *_LOG,
            *self.options,
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
        eventually(self._answers, within=30)

    def stop(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it: by SIGKILL as a machine does that dies, by SIGTERM in order."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(30)

    def connect(self, database: str | None = None, **options: Any) -> Any:
        settings: dict[str, Any] = {"charset": "utf8mb4", "autocommit": True, "database": database, **options}
        return pymysql.connect(host="127.0.0.1", port=self.port, user="root", password="", **settings)

    def run(self, *statements: str, database: str | None = None) -> None:
        """Run statements, each by itself."""
        connection = self.connect(database)
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        connection.close()

    def rows(self, statement: str, database: str | None = None) -> list[tuple[Any, ...]]:
        connection = self.connect(database)
        with connection.cursor() as cursor:
            cursor.execute(statement)
            found = list(cursor.fetchall())
        connection.close()
        return found

    def load(self, script: str, database: str) -> None:
        """Run a script of statements that end in a semicolon at the end of a line."""
        self.run(*[each for each in script.split(";\n") if each.strip()], database=database)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.directory / "error.log").read_text()
        try:
            self.connect().close()
        except pymysql.MySQLError:
            return False
        return True


@contextmanager
def running_mariadb(directory: Path, *options: str) -> Iterator[MariaDb]:
    """Run a server with its files in `directory`. AssertionError, with what to install, when there is none."""
    assert Path(_SERVER).exists(), f"these tests need a MariaDB server: {INSTALL}"
    # A server that starts removes the temporary tables in its directory for them, those of other servers too.
    (directory / "temporary").mkdir(parents=True, exist_ok=True)
    make = ["mariadb-install-db", "--no-defaults", f"--datadir={directory}/data", f"--user={getpass.getuser()}"]
    make += ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
    made = subprocess.run(  # noqa: S603
        [shutil.which(make[0]) or make[0], *make[1:], "--innodb-log-file-size=4M", f"--tmpdir={directory}/temporary"],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"PATH": f"{os.environ.get('PATH', '')}:/usr/sbin"},
    )
    assert made.returncode == 0, made.stdout + made.stderr
    server = MariaDb(directory, free_port(), options)
    server.start()
    try:
        yield server
    finally:
        server.stop()
