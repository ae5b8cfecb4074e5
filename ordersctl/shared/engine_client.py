"""How to reach the embedded AWS engine of the local run."""

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from chalicelib.aws.json_client import JsonClient
from chalicelib.aws.sigv4 import Credentials
from chalicelib.aws.timeouts import CallPolicy

HEALTH = "/_ministack/health"
MESSAGES = "/_ministack/sqs/messages"  # what queues hold, without receiving it


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


class _StreamsClient(JsonClient):
    """DynamoDB Streams, which no function of the service calls: Lambda reads the stream for it."""

    def headers(self, operation: str) -> dict[str, str]:
        return {
            "content-type": "application/x-amz-json-1.0",
            "x-amz-target": f"DynamoDBStreams_20120810.{operation}",
        }


def thin_client(service: str, endpoint_url: str) -> Any:
    """Return the service's own small client of the engine, for loops that poll it: boto3's takes three times the CPU.

    It has boto3's methods and errors. `service` is `sqs`, `dynamodb` or `dynamodbstreams`; binary values are base64.
    """
    make = _StreamsClient if service == "dynamodbstreams" else JsonClient
    return make(
        "dynamodb" if service == "dynamodbstreams" else service,
        region="us-east-1",
        endpoint_url=endpoint_url,
        credentials=lambda: Credentials("local", "local", None),
        policy=CallPolicy(connect_timeout=5, read_timeout=60, attempts=1),
    )


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
