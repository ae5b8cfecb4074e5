"""What an account must have before a stage works in it, which CloudFormation does not make."""

from collections.abc import Iterator, Mapping

from botocore.exceptions import ClientError

from ordersctl.deploy.doctor.findings import Finding
from ordersctl.shared import templates
from ordersctl.shared.stage import Stage

# Service-linked roles are made by AWS for principals with iam:CreateServiceLinkedRole; others fail without them.
_REPLICATION = ("AWSServiceRoleForDynamoDBReplication", "replication.dynamodb.amazonaws.com")
_AUTOSCALING = (
    "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable",
    "dynamodb.application-autoscaling.amazonaws.com",
)


def account(stage: Stage, given: Mapping[str, str]) -> Iterator[Finding]:
    """Check the account that a stage is deployed to, or will be, against the stage's settings."""
    values = {name: str(value) for name, value in templates.defaults().items()} | dict(given)
    yield _concurrency(stage, int(values["OrderMaximumConcurrency"]))
    if values["ReplicaRegion"]:
        yield _role(stage, *_REPLICATION)
    if values["BillingMode"] == "PROVISIONED":
        yield _role(stage, *_AUTOSCALING)
    if values["AccessLogs"] == "true":
        found = stage.client("apigateway").get_account().get("cloudwatchRoleArn")
        remedy = 'API Gateway guide, "Set up CloudWatch logging": the role belongs to the account and region'
        yield Finding(bool(found), "API Gateway may write logs", remedy)


def _concurrency(stage: Stage, processor: int) -> Finding:
    """A new account may have 10 concurrent executions: AWS Lambda guide, "Lambda quotas"."""
    limit = stage.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    return Finding(
        limit > processor,
        f"the account's {limit} concurrent executions are more than OrderMaximumConcurrency ({processor})",
        'raise "Concurrent executions" of Lambda in Service Quotas, or lower OrderMaximumConcurrency in infra/stages',
    )


def _role(stage: Stage, name: str, service: str) -> Finding:
    try:
        stage.client("iam").get_role(RoleName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise
        remedy = stage.aws_as_typed("iam", "create-service-linked-role", "--aws-service-name", service)
        return Finding(fine=False, what=f"the account has no service-linked role {name}", remedy=remedy)
    return Finding(fine=True, what=f"the account has the service-linked role {name}")
