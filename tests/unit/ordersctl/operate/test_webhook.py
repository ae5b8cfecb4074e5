"""Signatures of forwarded events, by the example of Standard Webhooks' libraries."""

import pytest

from ordersctl.operate.webhook import Secret

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_known_example_has_the_known_signature() -> None:
    headers = Secret.parse(SECRET).headers("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', at=1614265330)
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_secret_is_written_as_it_is_read() -> None:
    assert str(Secret.parse(SECRET)) == SECRET
    fresh = Secret.fresh()
    assert Secret.parse(str(fresh)) == fresh


@pytest.mark.parametrize(
    "text", ["", "whsec_", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_ä", "whsec_!!"]
)
def test_what_is_no_secret_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        Secret.parse(text)
