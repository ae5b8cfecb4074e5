"""A service's token, by OAuth 2.0 client credentials (RFC 6749, section 4.4), renewed before it ends."""

import base64
import json
import os
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import boto3

_TIMEOUT_SECONDS = 2
_EARLY_SECONDS = 30  # a token is renewed so long before it ends: it must outlive the request that it is sent with


@dataclass
class ServiceToken:
    """The token of one client; `secret` is called for each new token, so a secret may be rotated."""

    url: str  # the token endpoint of the issuer
    client_id: str
    secret: Callable[[], str]
    parameters: Mapping[str, str] = field(default_factory=dict)  # scope, audience: as the issuer wants them
    _token: str = ""
    _renew_at: float = 0.0  # seconds since 1970

    @classmethod
    def from_env(cls) -> "ServiceToken":
        """Read the client from the environment: examples/README.md lists the variables."""
        named = {"scope": os.environ.get("ORDERS_TOKEN_SCOPE"), "audience": os.environ.get("ORDERS_TOKEN_AUDIENCE")}
        parameters = {name: value for name, value in named.items() if value}
        return cls(os.environ["ORDERS_TOKEN_URL"], os.environ["ORDERS_CLIENT_ID"], _client_secret, parameters)

    def value(self) -> str:
        """Return a token that is valid for a while; HTTPError when the issuer gives none."""
        if time.time() >= self._renew_at:
            asked_at, answer = time.time(), self._ask()
            lasts = float(answer.get("expires_in", 0))
            self._renew_at = asked_at + lasts - min(_EARLY_SECONDS, lasts / 2)
            self._token = answer["access_token"]
        return self._token

    def forget(self) -> None:
        """Fetch another token for the next request, since the API refused this one."""
        self._renew_at = 0.0

    def _ask(self) -> dict[str, str]:
        parts = (urllib.parse.quote(part, safe="") for part in (self.client_id, self.secret()))
        credentials = base64.b64encode(":".join(parts).encode()).decode()
        request = urllib.request.Request(  # noqa: S310 - the scheme comes from a setting
            self.url,
            data=urllib.parse.urlencode({"grant_type": "client_credentials", **self.parameters}).encode(),
            headers={"Authorization": f"Basic {credentials}", "Content-Type": "application/x-www-form-urlencoded"},
        )
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 - see above
            found: dict[str, str] = json.load(answer)
            return found


def _client_secret() -> str:
    if secret := os.environ.get("ORDERS_CLIENT_SECRET"):
        return secret
    arn = os.environ["ORDERS_CLIENT_SECRET_ARN"]
    found: str = boto3.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    return found
