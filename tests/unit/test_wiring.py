"""Where the small client looks for AWS, against botocore's own endpoints."""

from types import SimpleNamespace

import botocore.session
import pytest

from chalicelib import wiring
from chalicelib.aws_json import Credentials, JsonClient
from chalicelib.aws_query import QueryClient

KEYS = Credentials("key", "secret", None)


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-2", "ap-southeast-3", "cn-north-1"])
@pytest.mark.parametrize("service", ["sqs", "dynamodb", "secretsmanager", "sns", "events"])
def test_every_service_is_where_botocore_has_it(monkeypatch: pytest.MonkeyPatch, service: str, region: str) -> None:
    monkeypatch.setenv("AWS_REGION", region)
    monkeypatch.setattr(wiring, "settings", lambda: SimpleNamespace(endpoint_url=None))
    monkeypatch.setattr(wiring, "_credentials", lambda: lambda: KEYS)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    ours: JsonClient = wiring._client.__wrapped__(service)
    theirs = botocore.session.get_session().create_client(
        service, region_name=region, aws_access_key_id="key", aws_secret_access_key="secret"
    )
    assert ours.endpoint_url == theirs.meta.endpoint_url
    assert isinstance(ours, QueryClient) == (theirs.meta.service_model.metadata["protocol"] == "query")
