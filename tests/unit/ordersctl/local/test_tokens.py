"""Tokens of the local run: their claims, the roles, and the key that signs them."""

import base64
import json
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet

from ordersctl.local.tokens import ensure_keys, mint, token
from ordersctl.shared.project import PROJECT_DIR
from ordersctl.shared.runs.state_file import Run, noted


def claims_of(signed: str, state_dir: Path) -> dict[str, Any]:
    keys = KeySet.import_key_set(json.loads((state_dir / "jwks.json").read_text()))
    return jwt.decode(signed, keys, algorithms=["RS256"]).claims


def run(state_dir: Path, *arguments: str) -> Result:
    """Ask for a token of a run whose key is in the directory."""
    with noted(Run("", str(state_dir), str(state_dir), api="", engine="")):
        return CliRunner().invoke(token, arguments, env={"ORDERS_STATE_DIR": str(state_dir)})


def test_a_minted_token_is_verified_by_the_published_key(tmp_path: Path) -> None:
    ensure_keys(tmp_path)
    before = int(time.time())
    signed = mint(tmp_path, subject="17850", scope="orders/read", issuer="https://i", audience="orders", ttl_seconds=60)
    claims = claims_of(signed, tmp_path)
    assert len(claims.pop("jti")) == 32
    issued = claims.pop("iat")
    assert before <= issued <= time.time()
    assert claims == {
        "iss": "https://i",
        "aud": "orders",
        "sub": "17850",
        "scope": "orders/read",
        "exp": issued + 60,
    }


def test_a_token_signed_with_another_key_is_not_verified(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ensure_keys(ours)
    ensure_keys(theirs)
    kid = json.loads((ours / "jwks.json").read_text())["keys"][0]["kid"]
    forged = json.loads((theirs / "signing-key.json").read_text()) | {"kid": kid}
    (theirs / "signing-key.json").write_text(json.dumps(forged))
    signed = mint(theirs, subject="17850", scope="", issuer="https://i", audience="orders")
    with pytest.raises(BadSignatureError):
        claims_of(signed, ours)


def test_the_published_key_holds_nothing_private(tmp_path: Path) -> None:
    ensure_keys(tmp_path)
    (key,) = json.loads((tmp_path / "jwks.json").read_text())["keys"]
    assert set(key) == {"kty", "n", "e", "kid", "alg", "use"}
    assert (key["kty"], key["alg"], key["use"]) == ("RSA", "RS256", "sig")


def test_only_its_owner_may_read_the_signing_key(tmp_path: Path) -> None:
    ensure_keys(tmp_path)
    assert stat.S_IMODE((tmp_path / "signing-key.json").stat().st_mode) == 0o600


def test_the_signing_key_is_made_only_once(tmp_path: Path) -> None:
    ensure_keys(tmp_path)
    first = (tmp_path / "jwks.json").read_text()
    ensure_keys(tmp_path)
    (tmp_path / "jwks.json").unlink()
    ensure_keys(tmp_path)
    assert (tmp_path / "jwks.json").read_text() == first


def test_processes_that_make_the_key_at_once_end_up_with_one(tmp_path: Path) -> None:
    state_dir = tmp_path / "state"
    code = (
        "import sys; from pathlib import Path; from ordersctl.local.tokens import ensure_keys, mint\n"
        "sys.stdin.read()  # until all are ready\n"
        f"d = Path({str(state_dir)!r}); ensure_keys(d)\n"
        "print(mint(d, subject='c', scope='', issuer='i', audience='a'))"
    )
    processes = [
        subprocess.Popen(  # noqa: S603  our own code, in a fixed list
            [sys.executable, "-c", code],
            cwd=PROJECT_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin
        process.stdin.close()
        process.stdin = None
    for process in processes:
        signed, _ = process.communicate(timeout=60)
        assert claims_of(signed.strip(), state_dir)["sub"] == "c"
    assert {path.name for path in state_dir.iterdir()} == {"signing-key.json", "jwks.json"}


@pytest.mark.parametrize(
    ("arguments", "subject", "scope"),
    [
        (["--customer", "17850"], "17850", "orders/read orders/write"),
        (["--customer", "17850", "--scope", "orders/read"], "17850", "orders/read"),
        (["--customer", "17850", "--scope", ""], "17850", ""),
        (["--service", "shop"], "shop", "orders/service orders/read orders/write"),
        (["--admin", "ann"], "ann", "orders/admin orders/read"),
    ],
)
def test_the_command_prints_the_token_of_a_role_and_nothing_else(
    tmp_path: Path, arguments: list[str], subject: str, scope: str
) -> None:
    result = run(tmp_path / "not-there-yet", *arguments, "--ttl", "60")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.count("\n") == 1
    claims = claims_of(result.stdout.strip(), tmp_path / "not-there-yet")
    config = json.loads((PROJECT_DIR / ".chalice" / "config.json").read_text())
    local = config["stages"]["local"]["environment_variables"]
    assert (claims["iss"], claims["aud"]) == (local["JWT_ISSUER"], local["JWT_AUDIENCE"])
    assert (claims["sub"], claims["scope"], claims["exp"] - claims["iat"]) == (subject, scope, 60)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--customer", "a", "--service", "b"],
        ["--service", "a", "--admin", "b"],
        ["--customer", ""],
        ["--customer", "a b"],
        ["--customer", "a" * 129],
        ["--customer", "a\n"],
        ["--customer", "a", "--scope", "orders/reed"],
        ["--customer", "a", "--ttl", "0"],
        ["--customer", "a", "--claims", "{}"],
        ["--claims", "{}", "--scope", "orders/read"],
    ],
)
def test_the_command_refuses_options_that_make_no_token(tmp_path: Path, arguments: list[str]) -> None:
    result = run(tmp_path, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert not (tmp_path / "signing-key.json").exists()


CLAIMS: dict[str, Any] = {
    "sub": "login-1", "customer": None, "scope": ["orders/read"], "n": 1.0, "yes": True,
    "o": {"a": [None]}, "é": "\ud800",
}  # fmt: skip


def test_claims_are_used_unchanged_and_missing_required_claims_are_added(tmp_path: Path) -> None:
    before = int(time.time())
    claims = raw_claims(run(tmp_path, "--claims", json.dumps(CLAIMS), "--ttl", "60"))
    config = json.loads((PROJECT_DIR / ".chalice" / "config.json").read_text())
    local = config["stages"]["local"]["environment_variables"]
    issued = claims.pop("iat")
    assert before <= issued <= time.time()
    filled_in = {"iss": local["JWT_ISSUER"], "aud": local["JWT_AUDIENCE"], "exp": issued + 60}
    assert claims == CLAIMS | filled_in


def test_given_claims_are_not_replaced(tmp_path: Path) -> None:
    given: dict[str, Any] = {"iss": None, "aud": [], "iat": "now", "exp": True}
    assert raw_claims(run(tmp_path, "--claims", json.dumps(given))) == given


def test_claims_may_be_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "claims.json"
    path.write_text(json.dumps(CLAIMS, indent=1))
    assert CLAIMS.items() <= raw_claims(run(tmp_path / "state", "--claims", str(path))).items()


@pytest.mark.parametrize(
    "kind", [("--claims", '{"sub": "a", "jti": "b"}'), ("--customer", "a")], ids=lambda kind: kind[0]
)
def test_claims_can_be_left_out(tmp_path: Path, kind: tuple[str, str]) -> None:
    everything = raw_claims(run(tmp_path, *kind))
    result = run(tmp_path, *kind, "--without", "aud", "--without", "sub", "--without", "no-such")
    assert raw_claims(result).keys() == everything.keys() - {"aud", "sub"}


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ("{", "not JSON"),
        ("{'sub': 'a'}", "not JSON"),
        ('{"a":' * 9_999, "not JSON"),
        ("[]", "neither a JSON object nor a file that can be read"),
        ("null", "neither a JSON object nor a file that can be read"),
        ("", "neither a JSON object nor a file that can be read"),
        ("no-such.json", "neither a JSON object nor a file that can be read"),
    ],
)
def test_claims_that_cannot_be_read_are_a_clear_error(tmp_path: Path, claims: str, why: str) -> None:
    result = run(tmp_path, "--claims", claims)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"Invalid value for '--claims': {why}" in result.stderr
    assert not (tmp_path / "signing-key.json").exists()


@pytest.mark.parametrize(
    ("content", "why"), [("[1]", "the claims must be a JSON object"), ("{", "not JSON"), ("", "not JSON")]
)
def test_a_file_that_holds_no_claims_is_a_clear_error(tmp_path: Path, content: str, why: str) -> None:
    path = tmp_path / "claims.json"
    path.write_text(content)
    result = run(tmp_path / "state", "--claims", str(path))
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"Invalid value for '--claims': {why}" in result.stderr


def raw_claims(result: Result) -> dict[str, Any]:
    """A printed token's claims, whether or not a library would take them."""
    assert (result.exit_code, result.stderr) == (0, "")
    content: str = result.stdout.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(content + "=" * (-len(content) % 4)))
    return claims


def test_a_signing_key_that_cannot_be_read_is_reported_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "signing-key.json").write_text("{")
    result = run(tmp_path, "--customer", "17850")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: No signing key in {tmp_path}")
