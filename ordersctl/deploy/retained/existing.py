"""The table and the secret of a stage, which outlive its stack: whether they are there, and what they are like."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import click
from botocore.exceptions import ClientError

from ordersctl.shared.stage import Stage

TABLE, SECRET = "OrderTable", "IdSecret"


@dataclass(frozen=True)
class Existing:
    """A resource that can be imported: its id in the template, its type, and what identifies it there."""

    logical_id: str
    kind: str
    identifier: dict[str, str]
    settings: dict[str, str] = field(default_factory=dict)  # the stage's settings that it shows


def existing(stage: Stage) -> Iterator[Existing]:
    """Yield the stage's table and secret, those that exist.

    ClickException for one that is being deleted, and for a table of orders whose secret is gone: with a new secret, the
    ids that clients hold would not be found.
    """
    table, secret = _table(stage), _secret(stage)
    if table is not None and secret is None and _holds_orders(stage):
        raise click.ClickException(
            f"the table {stage.stack_name} holds orders, and the secret {_secret_name(stage)} that seals their ids "
            "does not exist. Restore the secret; or, to begin anew, delete the table"
        )
    yield from (each for each in (table, secret) if each is not None)


def _table(stage: Stage) -> Existing | None:
    found = _or_none(stage.client("dynamodb").describe_table, TableName=stage.stack_name)
    if found is None:
        return None
    table = found["Table"]
    if table["TableStatus"] != "ACTIVE":
        raise click.ClickException(f"the table {stage.stack_name} is {table['TableStatus']}: wait until that is over")
    settings = {
        "DeletionProtection": str(bool(table.get("DeletionProtectionEnabled"))).lower(),
        "TableClass": table.get("TableClassSummary", {}).get("TableClass", "STANDARD"),
        "BillingMode": table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
        "Encryption": _encryption(stage, table),
    }
    return Existing(TABLE, "AWS::DynamoDB::GlobalTable", {"TableName": stage.stack_name}, settings)


def _encryption(stage: Stage, table: Mapping[str, Any]) -> str:
    """Return how a table is encrypted, as the stage's setting says it (DynamoDB API reference, SSEDescription)."""
    key = table.get("SSEDescription", {}).get("KMSMasterKeyArn")
    if key is None:
        return "aws-owned"
    manager = stage.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyManager"]
    return "aws-managed" if manager == "AWS" else str(key)


def _secret(stage: Stage) -> Existing | None:
    name = _secret_name(stage)
    found = _or_none(stage.client("secretsmanager").describe_secret, SecretId=name)
    if found is None:
        return None
    if "DeletedDate" in found:
        restore = stage.aws_as_typed("secretsmanager", "restore-secret", "--secret-id", name)
        raise click.ClickException(f"the secret {name} is about to be deleted. To keep it: {restore}")
    return Existing(SECRET, "AWS::SecretsManager::Secret", {"Id": found["ARN"]})


def _secret_name(stage: Stage) -> str:
    return f"{stage.stack_name}-id-secret"


def _holds_orders(stage: Stage) -> bool:
    return bool(stage.client("dynamodb").scan(TableName=stage.stack_name, Limit=1, Select="COUNT")["Count"])


def _or_none(describe: Any, **named: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = describe(**named)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return None
    return found
