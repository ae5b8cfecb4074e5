"""Tokens for the local run: a signing key made once, and JWTs signed with it."""

import hashlib
import hmac
import json
import os
import re
import secrets
import time
from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import click
from joserfc import jws
from joserfc.jwk import RSAKey

from chalicelib.domain.orders import CUSTOMER_ID_PATTERN
from ordersctl.shared import project
from ordersctl.shared.output import echo
from ordersctl.shared.runs.current import key_dir

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
        # Of two processes the last to write makes no difference: both write the public half of the same key.
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
    return _signed(state_dir, _registered(issuer, audience, ttl_seconds) | _role(subject, scope))


def local_token(*, subject: str, scope: str, ttl_seconds: int = DEFAULT_TTL_SECONDS) -> str:
    """Return a token that the local service takes, making the key first if there is none."""
    return local_token_of(_role(subject, scope), ttl_seconds=ttl_seconds)


def local_token_of(
    claims: Mapping[str, Any], *, without: Collection[str] = (), ttl_seconds: int = DEFAULT_TTL_SECONDS
) -> str:
    """Return a token of the local issuer with these claims as they are, making the key first if there is none.

    iss, aud, iat and exp are filled in where they are missing; the claims named in `without` are then left out.
    """
    state_dir = key_dir()
    ensure_keys(state_dir)
    known = _registered(project.setting("JWT_ISSUER"), project.setting("JWT_AUDIENCE"), ttl_seconds) | dict(claims)
    return _signed(state_dir, {name: value for name, value in known.items() if name not in without})


def client_secret(client: str) -> str:
    """Return the secret of a client of the local token endpoint, making the signing key first if there is none.

    It follows from the key, so there is no list of clients to keep.
    """
    state_dir = key_dir()
    ensure_keys(state_dir)
    key = (state_dir / PRIVATE_KEY).read_bytes()
    return hmac.new(key, f"client {client}".encode(), hashlib.sha256).hexdigest()


def _registered(issuer: str, audience: str, ttl_seconds: int) -> dict[str, Any]:
    now = int(time.time())
    return {"iss": issuer, "aud": audience, "iat": now, "exp": now + ttl_seconds}


def _role(subject: str, scope: str) -> dict[str, Any]:
    return {"sub": subject, "scope": scope, "jti": secrets.token_hex(16)}


def _signed(state_dir: Path, claims: Mapping[str, Any]) -> str:
    key = _signing_key(state_dir)
    return jws.serialize_compact({"typ": "JWT", "alg": "RS256", "kid": key.kid}, json.dumps(claims), key)


def _signing_key(state_dir: Path) -> RSAKey:
    return _imported((state_dir / PRIVATE_KEY).read_text())


@lru_cache(maxsize=4)  # an import checks the key's primes, which takes as long as seventy signatures
def _imported(text: str) -> RSAKey:
    return RSAKey.import_key(json.loads(text))


def _create_once(path: Path, text: str) -> None:
    beside = _written_beside(path, text)
    try:
        # Unlike a rename, a link does not replace a file: of two processes at once one makes the key, and both read it.
        path.hardlink_to(beside)
    except FileExistsError:
        pass
    finally:
        beside.unlink()


def _written_beside(path: Path, text: str) -> Path:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    # Mode 0600 from the first byte on: at no moment can others read the private key.
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    return beside


def _subject(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(CUSTOMER_ID_PATTERN, value):
        raise click.BadParameter("1 to 128 visible ASCII characters are allowed, none of / \\ # ? %, and not . or ..")
    return value


def _scope(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    unknown = set((value or "").split()) - SCOPES
    if unknown:
        raise click.BadParameter(f"unknown: {' '.join(sorted(unknown))}; there are {', '.join(sorted(SCOPES))}.")
    return value


def _claims(_context: click.Context, _option: click.Parameter, value: str | None) -> dict[str, Any] | None:
    if value is None:
        return None
    text = value
    if not value.lstrip().startswith("{"):
        try:
            text = Path(value).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise click.BadParameter(f"neither a JSON object nor a file that can be read: {error}") from error
    try:
        claims = json.loads(text)
    except (RecursionError, ValueError) as error:
        raise click.BadParameter(f"not JSON: {error}") from error
    if not isinstance(claims, dict):
        raise click.BadParameter("the claims must be a JSON object.")
    return claims


@click.command()
@click.option("--customer", metavar="ID", callback=_subject, help="A customer, who reads and writes their own orders.")
@click.option("--service", metavar="NAME", callback=_subject, help="A service, which acts on any customer's orders.")
@click.option("--admin", metavar="NAME", callback=_subject, help="An administrator, who may erase orders.")
@click.option(
    "--claims",
    metavar="JSON|FILE",
    callback=_claims,
    help="These claims, as they are, with iss, aud, iat and exp where they are missing.",
)
@click.option(
    "--without", metavar="CLAIM", multiple=True, help="A claim to leave out, as in --without aud; repeatable."
)
@click.option(
    "--client-secret",
    "client",
    metavar="NAME",
    callback=_subject,
    help="In place of a token, the secret by which this service fetches tokens from the local token endpoint.",
)
@click.option(
    "--scope", metavar="SCOPES", callback=_scope, help="Scopes in place of the role's own, separated by spaces."
)
@click.option(
    "--ttl",
    metavar="SECONDS",
    type=click.IntRange(min=1),
    default=DEFAULT_TTL_SECONDS,
    show_default=True,
    help="How long the token is valid.",
)
def token(
    *,
    customer: str | None,
    service: str | None,
    admin: str | None,
    claims: dict[str, Any] | None,
    without: tuple[str, ...],
    client: str | None,
    scope: str | None,
    ttl: int,
) -> None:
    """Print a token that the local service takes, or a client's secret, and nothing else."""
    roles = ((customer, CUSTOMER_SCOPE), (service, SERVICE_SCOPE), (admin, ADMIN_SCOPE))
    given = [_role(subject, default if scope is None else scope) for subject, default in roles if subject is not None]
    given += [] if claims is None else [claims]
    if len(given) + (client is not None) != 1:
        raise click.UsageError("Give exactly one of --customer, --service, --admin, --claims and --client-secret.")
    if claims is not None and scope is not None:
        raise click.UsageError("--scope belongs to a role: give the claim scope in --claims.")
    try:
        printed = client_secret(client) if client else local_token_of(given[0], without=without, ttl_seconds=ttl)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"No signing key in {key_dir()}: {error}") from error
    echo(printed)
