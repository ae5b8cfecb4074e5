"""Tokens for the local run: a signing key made once, and JWTs signed with it."""

import json
import os
import re
import secrets
import time
from pathlib import Path

import click
from joserfc import jwt
from joserfc.jwk import RSAKey

from chalicelib.domain.orders import CUSTOMER_ID_PATTERN
from ordersctl.shared import project

PRIVATE_KEY = "signing-key.json"
JWKS = "jwks.json"
DEFAULT_TTL_SECONDS = 12 * 60 * 60

CUSTOMER_SCOPE = "orders/read orders/write"
SERVICE_SCOPE = "orders/service orders/read orders/write"
ADMIN_SCOPE = "orders/admin orders/read"
SCOPES = {"orders/read", "orders/write", "orders/service", "orders/admin"}


def ensure_keys(state_dir: Path) -> None:
    """Make the signing key and its public JWKS (RFC 7517) in `state_dir`, unless they are there."""
    state_dir.mkdir(parents=True, exist_ok=True)
    private = state_dir / PRIVATE_KEY
    if not private.exists():
        key = RSAKey.generate_key(2048, {"alg": "RS256", "use": "sig"}, auto_kid=True)
        _create_once(private, json.dumps(key.as_dict(private=True)))
    jwks = json.dumps({"keys": [_signing_key(state_dir).as_dict(private=False)]})
    public = state_dir / JWKS
    if not public.exists() or public.read_text() != jwks:
        # Whoever writes last writes the same: the public half of the one key that won.
        _written_beside(public, jwks).replace(public)


def mint(
    state_dir: Path,
    *,
    subject: str,
    scope: str,
    issuer: str,
    audience: str,
    ttl_seconds: int = DEFAULT_TTL_SECONDS,
) -> str:
    """Return a signed JWT (RFC 7519, RS256) for `subject`; FileNotFoundError before `ensure_keys`."""
    key = _signing_key(state_dir)
    now = int(time.time())
    claims = {
        "iss": issuer,
        "aud": audience,
        "sub": subject,
        "scope": scope,
        "iat": now,
        "exp": now + ttl_seconds,
        "jti": secrets.token_hex(16),
    }
    return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)


def local_token(*, subject: str, scope: str, ttl_seconds: int = DEFAULT_TTL_SECONDS) -> str:
    """Return a token that the local service takes, making the key first if there is none."""
    state_dir = project.state_dir()
    ensure_keys(state_dir)
    return mint(
        state_dir,
        subject=subject,
        scope=scope,
        issuer=project.setting("JWT_ISSUER"),
        audience=project.setting("JWT_AUDIENCE"),
        ttl_seconds=ttl_seconds,
    )


def _signing_key(state_dir: Path) -> RSAKey:
    return RSAKey.import_key(json.loads((state_dir / PRIVATE_KEY).read_text()))


def _create_once(path: Path, text: str) -> None:
    beside = _written_beside(path, text)
    try:
        # A link, unlike a rename, refuses to replace: of two processes at once one wins, both read its key.
        path.hardlink_to(beside)
    except FileExistsError:
        pass
    finally:
        beside.unlink()


def _written_beside(path: Path, text: str) -> Path:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    # Mode 0600 from the first byte on: there is no moment in which others can read a private key.
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    return beside


def _subject(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(CUSTOMER_ID_PATTERN, value):
        raise click.BadParameter("1 to 64 of A-Z a-z 0-9 . _ - are allowed.")
    return value


def _scope(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    unknown = set((value or "").split()) - SCOPES
    if unknown:
        raise click.BadParameter(f"unknown: {' '.join(sorted(unknown))}; there are {', '.join(sorted(SCOPES))}.")
    return value


@click.command()
@click.option("--customer", metavar="ID", callback=_subject, help="A customer, who reads and writes their own orders.")
@click.option("--service", metavar="NAME", callback=_subject, help="A service, which acts on any customer's orders.")
@click.option("--admin", metavar="NAME", callback=_subject, help="An administrator, who may erase orders.")
@click.option("--scope", callback=_scope, help="Scopes in place of the role's own, separated by spaces.")
@click.option(
    "--ttl",
    metavar="SECONDS",
    type=click.IntRange(min=1),
    default=DEFAULT_TTL_SECONDS,
    show_default=True,
    help="How long the token is valid.",
)
def token(customer: str | None, service: str | None, admin: str | None, scope: str | None, ttl: int) -> None:
    """Print a token that the local service takes, and nothing else."""
    roles = ((customer, CUSTOMER_SCOPE), (service, SERVICE_SCOPE), (admin, ADMIN_SCOPE))
    given = [(subject, default) for subject, default in roles if subject is not None]
    if len(given) != 1:
        raise click.UsageError("Give exactly one of --customer, --service and --admin.")
    subject, default = given[0]
    try:
        signed = local_token(subject=subject, scope=default if scope is None else scope, ttl_seconds=ttl)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"No signing key in {project.state_dir()}: {error}") from error
    click.echo(signed)
