"""Where the small client looks for AWS, against botocore's own endpoints."""

import json
import os
import subprocess
import sys

import botocore.session
import pytest

from bench.instructions.measure import ENVIRONMENT
from ordersctl.shared.project import PROJECT_DIR

SERVICES = ("sqs", "dynamodb", "secretsmanager", "sns", "events")
CODE = f"""
import json
from chalicelib import wiring
clients = [wiring._client(service) for service in {SERVICES}]
print(json.dumps([[each.endpoint_url, "form" in each.kind("Any")["content-type"]] for each in clients]))
"""


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-2", "ap-southeast-3", "cn-north-1"])
def test_every_service_is_where_botocore_has_it_and_is_spoken_to_by_its_protocol(region: str) -> None:
    environment = ENVIRONMENT | {"AWS_REGION": region, "PATH": os.environ["PATH"]}
    done = subprocess.run(  # noqa: S603 - what is made once per process needs a process of its own
        [sys.executable, "-c", CODE], cwd=PROJECT_DIR, env=environment, capture_output=True, text=True, check=True
    )
    session = botocore.session.get_session()
    theirs = [
        session.create_client(service, region_name=region, aws_access_key_id="key", aws_secret_access_key="secret").meta
        for service in SERVICES
    ]
    assert json.loads(done.stdout) == [
        [each.endpoint_url, each.service_model.metadata["protocol"] == "query"] for each in theirs
    ]
