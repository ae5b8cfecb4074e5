"""What the environment tells this service, read once."""

from collections.abc import Mapping
from dataclasses import dataclass

LOCAL_ENGINE = "http://127.0.0.1:4566"


class SettingsError(Exception):
    """A setting is missing or cannot be right; the message names it."""


@dataclass(frozen=True, slots=True)
class Settings:
    stage: str
    endpoint_url: str | None
    order_table: str
    order_queue_url: str
    order_dead_letter_queue_url: str
    event_topic_arn: str
    event_dead_letter_queue_url: str
    id_secret_arn: str
    jwt_issuer: str
    jwt_audience: str
    jwt_jwks: str
    customer_claim: str
    report_batch_item_failures: bool

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Read the settings; raises SettingsError naming the one that is missing."""

        def required(name: str) -> str:
            if value := env.get(name):
                return value
            raise SettingsError(f"the environment variable {name} is not set")

        stage = required("STAGE")
        return cls(
            stage=stage,
            # The local stage means the embedded engine unless told where else it listens.
            endpoint_url=env.get("AWS_ENDPOINT_URL") or (LOCAL_ENGINE if stage == "local" else None),
            order_table=required("ORDER_TABLE"),
            order_queue_url=required("ORDER_QUEUE_URL"),
            order_dead_letter_queue_url=required("ORDER_DEAD_LETTER_QUEUE_URL"),
            event_topic_arn=required("EVENT_TOPIC_ARN"),
            event_dead_letter_queue_url=required("EVENT_DEAD_LETTER_QUEUE_URL"),
            id_secret_arn=required("ID_SECRET_ARN"),
            jwt_issuer=required("JWT_ISSUER"),
            jwt_audience=required("JWT_AUDIENCE"),
            jwt_jwks=required("JWT_JWKS"),
            customer_claim=env.get("CUSTOMER_CLAIM", "sub"),
            # Only a mapping that has FunctionResponseTypes reads what a handler returns: with any other, a
            # returned failure would be taken for success and the message lost. So the default is "no".
            report_batch_item_failures=env.get("REPORT_BATCH_ITEM_FAILURES") == "1",
        )
