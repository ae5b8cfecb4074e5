"""How the shop's database is reached: credentials from the environment or a private file, TLS, the session."""

import configparser
import ipaddress
import os
import ssl
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import pymysql
from pymysql.connections import Connection

from ordersctl.migrate.errors import SourceLost

# Errors of MySQL and MariaDB. 1412 is a table that was changed since the snapshot began: the log will show the change.
_LOST = {1040, 1053, 1158, 1159, 1160, 1161, 1205, 1213, 1412, 1927, 2002, 2003, 2006, 2013, 2055}
# Times of a TIMESTAMP in UTC; zero dates are read, not refused; a slow copy keeps its connection; lists are not cut.
_SESSION = "SET SESSION time_zone='+00:00', sql_mode='', net_write_timeout=600, group_concat_max_len=16777216"
_SETTINGS = ("host", "port", "user", "password", "ssl-ca", "tls")


@dataclass(frozen=True)
class Server:
    """Where a database is, and as whom to log in. Its text shows no password."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    ca: str | None = None
    tls: bool = True

    @classmethod
    def configured(cls, file: Path | None, *, prefix: str = "ORDERS_SOURCE") -> "Server":
        """Read a file like MySQL's option files, section [client], or else variables such as ORDERS_SOURCE_HOST.

        Raises ClickException when a setting is missing, or when others may read the file.
        """
        given = _of_file(file) if file is not None else _of_environment(prefix)
        if missing := [name for name in ("host", "user", "password") if name not in given]:
            where = f"{file}, section [client]" if file else f"{prefix}_{missing[0].upper()} (or --credentials FILE)"
            raise click.ClickException(f"the database's {', '.join(missing)} is not set: {where}.")
        port = given.get("port", "3306")
        if not port.isdigit():
            raise click.ClickException(f"the database's port {port} is not a number.")
        # On this machine nothing can listen; elsewhere only `tls = off` in so many words goes without encryption.
        tls = given.get("tls", "off" if _is_here(given["host"]) and "ssl-ca" not in given else "on") != "off"
        return cls(given["host"], int(port), given["user"], given["password"], given.get("ssl-ca"), tls)

    def settings(self, database: str | None) -> dict[str, Any]:
        """What PyMySQL's connect takes."""
        options: dict[str, Any] = {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "password": self.password,
            "charset": "utf8mb4",
            "autocommit": True,
            "init_command": _SESSION,
            "connect_timeout": 10,
            "read_timeout": 3_600,
            "write_timeout": 60,
        }
        if database is not None:
            options["database"] = database
        if self.tls:
            options["ssl"] = ssl.create_default_context(cafile=self.ca)
        return options

    def connect(self, database: str | None = None) -> "Connection[Any]":
        """Open a connection; raises SourceLost when the server cannot be reached, ClickException when it refuses."""
        try:
            connection = pymysql.connect(**self.settings(database))
            with connection.cursor() as cursor:
                cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        except pymysql.MySQLError as error:
            if is_lost(error):
                raise SourceLost(explained(error)) from error
            raise click.ClickException(f"the database refuses the connection: {explained(error)}.") from error
        return connection


@contextmanager
def lost_connections() -> Iterator[None]:
    """Raise SourceLost for errors that a new connection may not have."""
    try:
        yield
    except (pymysql.MySQLError, ConnectionError, TimeoutError) as error:
        if isinstance(error, pymysql.MySQLError) and not is_lost(error):
            raise
        raise SourceLost(explained(error)) from error


def is_lost(error: BaseException) -> bool:
    """Whether an error of PyMySQL is about the connection or a lock, not about the statement."""
    if isinstance(error, pymysql.InterfaceError):
        return True
    return isinstance(error, pymysql.MySQLError) and bool(error.args) and error.args[0] in _LOST


def explained(error: BaseException) -> str:
    """An error of PyMySQL without its parentheses."""
    return str(error.args[1]) if len(error.args) > 1 else str(error)


def _of_environment(prefix: str) -> dict[str, str]:
    names = {name: f"{prefix}_{name.upper().replace('-', '_').replace('SSL_', '')}" for name in _SETTINGS}
    return {name: os.environ[variable] for name, variable in names.items() if variable in os.environ}


def _of_file(file: Path) -> Mapping[str, str]:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise click.ClickException(f"{file} holds a password and others may read it: chmod 600 {file}")
        parser.read_string(file.read_text(encoding="utf-8"))
    except (OSError, configparser.Error) as error:
        raise click.ClickException(f"{file} cannot be read: {error.__class__.__name__}.") from None
    given = dict(parser["client"]) if parser.has_section("client") else {}
    return {name.replace("_", "-"): value.strip().strip("'\"") for name, value in given.items()}


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
