"""How to reach the embedded AWS engine of the local run."""

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

HEALTH = "/_ministack/health"


def client_options(endpoint_url: str) -> dict[str, Any]:
    """Return the options with which boto3 clients reach the engine, whatever AWS profile or proxy the machine has."""
    from botocore.config import Config  # noqa: PLC0415 - slow to import, and `run` checks its ports first

    return {
        "endpoint_url": endpoint_url,
        "region_name": "us-east-1",
        "aws_access_key_id": "local",
        "aws_secret_access_key": "local",
        # An empty mapping means none; without it botocore would follow HTTP_PROXY even to 127.0.0.1.
        "config": Config(proxies={}, read_timeout=60, max_pool_connections=20),
    }


def get_json(url: str) -> dict[str, Any] | None:
    """GET a JSON object from a server on this machine; None if there is none. Uses no proxy."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=1)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}" if parts.query else parts.path)
        response = connection.getresponse()
        document = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return document if response.status == http.client.OK and isinstance(document, dict) else None
