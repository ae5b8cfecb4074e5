"""AWS Signature Version 4, for requests that POST to /.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import functools
import hashlib
import hmac
from typing import NamedTuple


class Credentials(NamedTuple):
    access_key: str
    secret_key: str
    token: str | None


def sign(headers: dict[str, str], body: bytes, service: str, region: str, credentials: Credentials) -> str:
    """The Authorization header of a request with these headers (names in lower case); adds a session token to them."""
    if credentials.token:
        headers["x-amz-security-token"] = credentials.token
    time_stamp = headers["x-amz-date"]
    names = sorted(headers)
    signed = ";".join(names)
    lines = "".join(f"{name}:{headers[name]}\n" for name in names)
    request = f"POST\n/\n\n{lines}\n{signed}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{time_stamp[:8]}/{region}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{time_stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = _signing_key(credentials.secret_key, time_stamp[:8], region, service)
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    credential = f"Credential={credentials.access_key}/{scope}"
    return f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={signed}, Signature={signature}"


@functools.lru_cache(maxsize=16)
def _signing_key(secret_key: str, *scope: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (*scope, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
