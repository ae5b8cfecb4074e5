"""The clients that the service makes, and where they look for AWS: against botocore's own endpoints."""

import json
import os
import subprocess
import sys
from typing import Any

import botocore.session
import pytest

from ordersctl.shared.project import PROJECT_DIR
from testkit.fake_aws.lambda_ import ENVIRONMENT

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "PATH": os.environ["PATH"]}
SERVICES = ("sqs", "dynamodb", "secretsmanager", "sns", "events")
THIN = f"""
import json, sys
from chalicelib import wiring
clients = [wiring._client(service) for service in {SERVICES}]
found = [[each.endpoint_url, "form" in each.headers("Any")["content-type"]] for each in clients]
print(json.dumps([found, "botocore.session" in sys.modules]))
"""
BOTOCORE = f"""
import json
from chalicelib import wiring
clients = [wiring._client(service) for service in {SERVICES}]
clients.append(wiring.fail_fast_order_table().client)
configs = [each.meta.config for each in clients]
found = [[type(each).__module__, each.meta.endpoint_url] for each in clients]
policies = [[each.connect_timeout, each.read_timeout, each.retries["total_max_attempts"]] for each in configs]
print(json.dumps([found, policies]))
"""


def printed(code: str, region: str, **environment: str) -> Any:
    """What a process of its own prints as JSON: what wiring makes, it makes once per process."""
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code],
        cwd=PROJECT_DIR,
        env=ENVIRONMENT | KEYS | {"AWS_REGION": region} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-2", "ap-southeast-3", "cn-north-1"])
def test_the_thin_client_calls_every_service_where_and_by_the_protocol_that_botocore_does(region: str) -> None:
    session = botocore.session.get_session()
    theirs = [
        session.create_client(service, region_name=region, aws_access_key_id="key", aws_secret_access_key="secret").meta
        for service in SERVICES
    ]
    ours, imports_botocore_session = printed(THIN, region)
    assert ours == [[each.endpoint_url, each.service_model.metadata["protocol"] == "query"] for each in theirs]
    assert not imports_botocore_session


def test_with_aws_client_botocore_every_client_is_botocore_s_with_the_same_timeouts_and_attempts() -> None:
    thin, _ = printed(THIN, "eu-west-2")
    ours, policies = printed(BOTOCORE, "eu-west-2", AWS_CLIENT="botocore")
    addresses = [address for address, _ in thin]
    assert ours == [["botocore.client", address] for address in [*addresses, addresses[1]]]
    assert policies == [[1, 2, 3]] * len(SERVICES) + [[0.3, 0.3, 1]]
