"""A webhook that gets events: each is posted as a CloudEvent, and signed as Standard Webhooks say."""

import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from typing import Any, Self

import click
import httpx
from click.core import ParameterSource

from ordersctl.shared.queues.message_json import parsed

_PREFIX = "whsec_"
_KEY_BYTES = 24, 64  # the lengths that Standard Webhooks allow


@dataclass(frozen=True)
class Secret:
    """The key with which sender and receiver sign (Standard Webhooks 1.0.0, "Signature scheme")."""

    key: bytes

    @classmethod
    def fresh(cls) -> Self:
        """Return a random secret."""
        return cls(secrets.token_bytes(32))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a secret as `str` writes it; ValueError for any other text."""
        try:
            key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
        except ValueError as error:
            raise ValueError(f"a secret is {_PREFIX} and a key in base64") from error
        shortest, longest = _KEY_BYTES
        if not text.startswith(_PREFIX) or not shortest <= len(key) <= longest:
            raise ValueError(f"a secret is {_PREFIX} and a key of {shortest} to {longest} bytes in base64")
        return cls(key)

    def __str__(self) -> str:
        return _PREFIX + base64.b64encode(self.key).decode()

    def headers(self, message_id: str, body: bytes, *, at: int) -> dict[str, str]:
        """Return the headers that sign a message sent at a time, in seconds since 1970."""
        signed = hmac.new(self.key, f"{message_id}.{at}.".encode() + body, hashlib.sha256).digest()
        signature = base64.b64encode(signed).decode()
        return {"webhook-id": message_id, "webhook-timestamp": str(at), "webhook-signature": f"v1,{signature}"}


class SecretParameter(click.ParamType[Secret]):
    """A secret on the command line."""

    name = "secret"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Secret:
        if isinstance(value, Secret):
            return value
        try:
            return Secret.parse(value)
        except ValueError as error:
            by_variable = ctx and param and ctx.get_parameter_source(param.name or "") == ParameterSource.ENVIRONMENT
            # click would name the option, which nobody gave
            hint = f"'{param.envvar}'" if by_variable and param else None
            raise click.BadParameter(f"{error}.", ctx, param, hint) from error


@dataclass(frozen=True)
class Webhook:
    """An address that events are posted to."""

    url: str
    secret: Secret
    client: httpx.Client

    @classmethod
    def at(cls, url: str, secret: Secret) -> Self:
        # A webhook under development is on this machine, and is called without a proxy.
        return cls(url, secret, httpx.Client(timeout=10, trust_env=False))

    def post(self, body: str, otherwise: str) -> str | None:
        """POST an event (CloudEvents HTTP binding 1.0.2, structured mode); returns the error as text, None on success.

        Its id is the event's, and the same each time the event is sent; `otherwise` is that of a message without one.
        """
        content = body.encode()
        headers = self.secret.headers(_event_id(body) or otherwise, content, at=int(time.time()))
        try:
            answer = self.client.post(
                self.url, content=content, headers={"Content-Type": "application/cloudevents+json", **headers}
            )
        except (httpx.RequestError, httpx.InvalidURL) as error:
            return f"{type(error).__name__}: {error}"
        return None if answer.is_success else f"HTTP {answer.status_code}"


def _event_id(body: str) -> str | None:
    """Return the id of an event; None for another program's message, or an id that no header can hold."""
    try:
        found = parsed(body)["id"]
    except (ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, str) and found.isascii() and found.isprintable() else None
