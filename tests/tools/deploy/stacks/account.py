"""An account with a fake CloudFormation, its table and its secret, as the commands of a stage see it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import boto3
from botocore.exceptions import ClientError

from ordersctl.deploy.retained.take_over import change
from ordersctl.deploy.stack import Stack
from ordersctl.shared import templates
from ordersctl.shared.stage import Stage
from testkit.fake_aws.cloudformation import CloudFormation
from testkit.fake_aws.stack_changes import resolved
from testkit.fake_aws.stack_rules import STABLE, Resource

TABLE, SECRET = ("AWS::DynamoDB::GlobalTable", "orders-dev"), ("AWS::SecretsManager::Secret", "orders-dev-id-secret")
TEMPLATE = templates.resources()
AWS_MANAGED_KEY = "arn:aws:kms:eu-west-1:123456789012:key/aws-dynamodb"


@dataclass(eq=False)
class Account:
    """As boto3's session: `client` returns a fake of a service."""

    cloudformation: CloudFormation = field(default_factory=CloudFormation)
    orders: int = 0  # in the table
    deleted_secret: bool = False

    def client(self, service: str, **_options: Any) -> Any:
        return self.cloudformation if service == "cloudformation" else self

    @property
    def stage(self) -> Stage:
        return Stage("dev", cast("boto3.Session", self), {})

    def provision(self, **settings: str) -> None:
        """Change the stage's stack to the real template, as the commands do; ClickException as theirs."""
        body = json.dumps(TEMPLATE, separators=(",", ":"))
        stack = Stack(self.cloudformation, "orders-dev", pause_seconds=0, queue_name_seconds=0)
        parameters = {"Stage": "dev", **settings}
        change(self.stage, stack, TEMPLATE, parameters, {"stage": "dev"}, source={"TemplateBody": body}, yes=True)

    def failing(self, fails: Callable[[str, str], bool]) -> None:
        self.cloudformation.fails = fails

    def table(self) -> Resource | None:
        return self.cloudformation.find(*TABLE)

    def secret(self) -> Resource | None:
        return self.cloudformation.find(*SECRET)

    def numbers(self) -> tuple[int, int]:
        """What tells this table and this secret from others that had their names before."""
        table, secret = self.table(), self.secret()
        assert table is not None
        assert secret is not None
        return table.number, secret.number

    def has_what_is_wanted(self, **settings: str) -> bool:
        """Whether the stack can be changed, and its resources are as the template says under these settings.

        A rolled-back update that is followed by a change to what it rolled back to is no change for CloudFormation.
        """
        stack = self.cloudformation.stacks["orders-dev"]
        wanted = resolved(TEMPLATE, {"Stage": "dev", **settings})
        return stack.status in STABLE and {name: each.properties for name, each in stack.held.items()} == {
            name: each["Properties"] for name, each in wanted.items()
        }

    # --- what the commands ask of DynamoDB and Secrets Manager ------------------------------------------------------

    def describe_table(self, TableName: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        table = self._existing("AWS::DynamoDB::GlobalTable", TableName)
        (replica, *_) = table.properties["Replicas"]
        return {
            "Table": {
                "TableStatus": "ACTIVE",
                "DeletionProtectionEnabled": replica["DeletionProtectionEnabled"] == "true",
                "BillingModeSummary": {"BillingMode": table.properties["BillingMode"]},
                "TableClassSummary": {"TableClass": replica["TableClass"]},
                **self._encryption(table.properties["SSESpecification"], replica),
            }
        }

    def _encryption(self, specification: dict[str, Any], replica: dict[str, Any]) -> dict[str, Any]:
        """DynamoDB API reference, SSEDescription: there is none for a table with DynamoDB's own key."""
        if not specification["SSEEnabled"]:
            return {}
        key = replica.get("SSESpecification", {}).get("KMSMasterKeyId", AWS_MANAGED_KEY)
        return {"SSEDescription": {"KMSMasterKeyArn": key}}

    def describe_key(self, KeyId: str) -> dict[str, Any]:  # noqa: N803
        return {"KeyMetadata": {"KeyManager": "AWS" if KeyId == AWS_MANAGED_KEY else "CUSTOMER"}}

    def scan(self, TableName: str, Limit: int, Select: str) -> dict[str, Any]:  # noqa: N803
        assert (Limit, Select) == (1, "COUNT")
        self._existing("AWS::DynamoDB::GlobalTable", TableName)
        return {"Count": min(self.orders, 1)}

    def describe_secret(self, SecretId: str) -> dict[str, Any]:  # noqa: N803
        secret = self._existing("AWS::SecretsManager::Secret", SecretId)
        return {"ARN": f"arn:secret:{secret.name}", **({"DeletedDate": "soon"} if self.deleted_secret else {})}

    def _existing(self, kind: str, name: str) -> Resource:
        found = self.cloudformation.find(kind, name)
        if found is None:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": name}}, "Describe")
        return found
