"""The service's settings, read once from the environment."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields

LOCAL_ENGINE = "http://127.0.0.1:4566"
AWS_CLIENTS = ("thin", "botocore")


class SettingsError(Exception):
    """A setting is missing, or its value is not one of those it can have; the message names it."""


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
    scope_claim: str = "scope"  # or several names, separated by spaces
    audience_claim: str = ""  # of tokens without aud, as Cognito's access tokens: client_id
    aws_endpoint_url: str = ""
    aws_client: str = "thin"  # or "botocore": chalicelib/wiring.py says when
    # "1" only where the event source mappings read what a handler returns. To any other mapping a returned failure is
    # success, and the message is lost: so the default is "no".
    report_batch_item_failures: str = ""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Read the settings; raises SettingsError naming those that are missing or wrong."""
        values = {field.name: env.get(field.name.upper()) or field.default for field in fields(cls)}
        if missing := [name.upper() for name, value in values.items() if value is MISSING]:
            raise SettingsError(f"not set in the environment: {', '.join(missing)}")
        if values["aws_client"] not in AWS_CLIENTS:
            raise SettingsError(f"AWS_CLIENT is {values['aws_client']!r}, and not one of {', '.join(AWS_CLIENTS)}")
        return cls(**values)  # type: ignore[arg-type]  # MISSING was refused above

    @property
    def reports_batch_item_failures(self) -> bool:
        return self.report_batch_item_failures == "1"

    @property
    def endpoint_url(self) -> str | None:
        """AWS's address; None for AWS itself. Stage local has the embedded engine's."""
        return self.aws_endpoint_url or (LOCAL_ENGINE if self.stage == "local" else None)
