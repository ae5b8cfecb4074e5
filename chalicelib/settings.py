"""What the environment tells this service, read once."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import NamedTuple

LOCAL_ENGINE = "http://127.0.0.1:4566"


class SettingsError(Exception):
    """A setting is missing; the message names it."""


class Patience(NamedTuple):
    """How long a call to AWS may take: seconds to connect, seconds to wait for an answer, and attempts."""

    connect_timeout: float
    read_timeout: float
    attempts: int


@dataclass(frozen=True, slots=True)
class Settings:
    """Each field is the environment variable of the same name in capitals; one with a default may be left out."""

    stage: str
    order_table: str
    order_queue_url: str
    order_dead_letter_queue_url: str
    event_topic_arn: str
    event_dead_letter_queue_url: str
    id_secret_arn: str
    jwt_issuer: str
    jwt_audience: str
    jwt_jwks: str
    event_bus_name: str = ""  # publish to this EventBridge bus in place of the topic
    dax_endpoint: str = ""  # answer reads from this DAX cluster
    customer_claim: str = "sub"
    aws_endpoint_url: str = ""
    # "1" only where the event source mappings read what a handler returns. To any other mapping a returned failure is
    # success, and the message is lost: so "no" is what holds unless said otherwise.
    report_batch_item_failures: str = ""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Read the settings; raises SettingsError naming those that are missing."""
        values = {field.name: env.get(field.name.upper()) or field.default for field in fields(cls)}
        if missing := [name.upper() for name, value in values.items() if value is MISSING]:
            raise SettingsError(f"not set in the environment: {', '.join(missing)}")
        return cls(**values)  # type: ignore[arg-type]  # MISSING was refused above

    @property
    def reports_batch_item_failures(self) -> bool:
        return self.report_batch_item_failures == "1"

    @property
    def endpoint_url(self) -> str | None:
        """Where AWS is; None is where botocore knows it. The local stage means the embedded engine."""
        return self.aws_endpoint_url or (LOCAL_ENGINE if self.stage == "local" else None)
