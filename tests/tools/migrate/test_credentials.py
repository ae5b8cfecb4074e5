"""Credentials of the shop's database: by environment or by a private file, and never shown."""

import ssl
from pathlib import Path

import click
import pytest

from ordersctl.migrate.source.connection import Server

FILE = "[client]\nhost = db.shop.example\nuser = mover\npassword = 'so secret'\n"


def written(tmp_path: Path, text: str, mode: int = 0o600) -> Path:
    path = tmp_path / "credentials.cnf"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_file_of_others_is_refused(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match="others may read it"):
        Server.configured(written(tmp_path, FILE, 0o644))


def test_a_file_is_read_and_its_password_shown_nowhere(tmp_path: Path) -> None:
    server = Server.configured(written(tmp_path, FILE))
    assert (server.host, server.port, server.user, server.password) == ("db.shop.example", 3306, "mover", "so secret")
    assert "so secret" not in repr(server)


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HOST": "127.0.0.1", "PORT": "3307", "USER": "mover", "PASSWORD": "x"}.items():
        monkeypatch.setenv(f"ORDERS_SOURCE_{name}", value)
    server = Server.configured(None)
    assert (server.port, server.tls) == (3307, False)


def test_a_setting_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORDERS_SOURCE_HOST", raising=False)
    with pytest.raises(click.ClickException, match="ORDERS_SOURCE_HOST"):
        Server.configured(None)


def test_another_machine_is_reached_by_tls_with_its_certificate_checked(tmp_path: Path) -> None:
    context = Server.configured(written(tmp_path, FILE)).settings("shop")["ssl"]
    assert isinstance(context, ssl.SSLContext)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_only_so_many_words_go_without_tls(tmp_path: Path) -> None:
    assert "ssl" not in Server.configured(written(tmp_path, FILE + "tls = off\n")).settings("shop")
