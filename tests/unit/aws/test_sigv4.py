"""Signature Version 4, against botocore's own signer."""

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.aws.sigv4 import Credentials, sign


@given(
    body=st.binary(max_size=200),
    service=st.sampled_from(["sqs", "dynamodb", "secretsmanager", "sns", "events"]),
    kind=st.sampled_from(["application/x-amz-json-1.0", "application/x-www-form-urlencoded; charset=utf-8"]),
    region=st.sampled_from(["us-east-1", "eu-west-2"]),
    keys=st.builds(
        Credentials,
        st.just("AKIDEXAMPLE"),
        st.text("abcXYZ019/+=", min_size=1),
        st.none() | st.text("abcXYZ019/+=", min_size=1),
    ),
)
def test_a_request_is_signed_as_botocore_signs_it(
    body: bytes, service: str, kind: str, region: str, keys: Credentials
) -> None:
    request = AWSRequest("POST", f"https://{service}.{region}.amazonaws.com/", data=body)
    request.headers["content-type"] = kind
    request.headers["x-amz-target"] = "A.B"
    SigV4Auth(ReadOnlyCredentials(*keys), service, region).add_auth(request)
    headers = {
        "content-type": kind,
        "host": f"{service}.{region}.amazonaws.com",
        "x-amz-date": request.context["timestamp"],
        "x-amz-target": "A.B",
    }
    assert sign(headers, body, service, region, keys) == request.headers["Authorization"]
    assert headers.get("x-amz-security-token") == keys.token
