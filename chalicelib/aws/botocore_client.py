"""botocore's own clients, with the timeouts and attempts of a CallPolicy."""

from typing import Any

from botocore.config import Config
from botocore.session import Session

from chalicelib.aws.timeouts import CallPolicy


def make(session: Session, service: str, *, region: str, endpoint_url: str | None, policy: CallPolicy) -> Any:
    """A client of a service; without an address it is where botocore knows the service to be."""
    return session.create_client(service, region_name=region, endpoint_url=endpoint_url, config=config(policy))


def config(policy: CallPolicy) -> Config:
    return Config(
        connect_timeout=policy.connect_timeout,
        read_timeout=policy.read_timeout,
        retries={"total_max_attempts": policy.attempts, "mode": "standard"},
        user_agent="orders",  # botocore's own is put together anew for every call
        parameter_validation=False,
    )
