"""Permissions that no call of the code shows: AWS itself uses a function's role, or a change of settings needs them."""

from typing import NamedTuple

_LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/"
_DYNAMODB_KEYS = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html"
_SQS_KEYS = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html"
_UPDATES = (
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html"
)
_DIRECT = "https://docs.aws.amazon.com/apigateway/latest/developerguide/getting-started-aws-proxy.html"

API, AUTHORIZER, PROCESSOR, PUBLISHER = "APIHandler", "Authorizer", "ProcessOrders", "PublishEvents"
GATEWAY = "DirectAcceptRole"  # the role that API Gateway takes on with DirectAccept
EVERYONE = (API, AUTHORIZER, PROCESSOR, PUBLISHER)


class Reason(NamedTuple):
    functions: tuple[str, ...]
    actions: tuple[str, ...]
    resource: str  # how the resource's ARN begins, without its partition; "*" is every resource
    why: str
    page: str
    with_setting: str = ""  # needed only where this condition of the template holds


REASONS = (
    Reason(
        EVERYONE,
        ("logs:CreateLogStream", "logs:PutLogEvents"),
        "logs",
        "Lambda writes the function's log",
        _LAMBDA + "monitoring-cloudwatchlogs.html",
    ),
    Reason(
        (PROCESSOR,),
        ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
        "sqs",
        "Lambda reads the queue",
        _LAMBDA + "services-sqs-configure.html",
    ),
    Reason(
        (PUBLISHER,),
        ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"),
        "dynamodb",
        "Lambda reads the stream",
        _LAMBDA + "services-dynamodb-eventsourcemapping.html",
    ),
    Reason(
        EVERYONE,
        ("xray:PutTraceSegments", "xray:PutTelemetryRecords"),
        "*",
        "Lambda sends traces",
        _LAMBDA + "services-xray.html",
        "WithTracing",
    ),
    Reason(
        (API,),
        (
            "ec2:AssignPrivateIpAddresses",
            "ec2:CreateNetworkInterface",
            "ec2:DeleteNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:UnassignPrivateIpAddresses",
        ),
        "*",
        "Lambda connects the function to the cluster's network",
        _LAMBDA + "configuration-vpc.html",
        "WithDax",
    ),
    Reason(
        (API, PROCESSOR),
        (
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:Encrypt",
            "kms:GenerateDataKey",
            "kms:GenerateDataKeyWithoutPlaintext",
            "kms:ReEncryptFrom",
            "kms:ReEncryptTo",
        ),
        "kms",
        "DynamoDB uses the table's key with the caller's permissions; SQS and Secrets Manager do, too",
        _DYNAMODB_KEYS,
        "WithOwnKey",
    ),
    Reason(
        (PUBLISHER,),
        ("kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"),
        "kms",
        "SQS, SNS and the stream use the key with the caller's permissions",
        _SQS_KEYS,
        "WithOwnKey",
    ),
    Reason((GATEWAY,), ("sqs:SendMessage",), "sqs", "API Gateway puts orders on the queue", _DIRECT),
    Reason(
        (GATEWAY,),
        ("kms:Decrypt", "kms:GenerateDataKey"),
        "kms",
        "SQS uses the queue's key with the caller's permissions",
        _SQS_KEYS,
        "WithOwnKey",
    ),
    Reason(
        (PUBLISHER,),
        ("sns:Publish",),
        "sns",
        "a stack's update changes a role before its function: EventBusName can be set without a failed event",
        _UPDATES,
        "WithEventBus",
    ),
    Reason(
        (API,),
        ("dynamodb:BatchGetItem", "dynamodb:Query"),
        "dynamodb",
        "a stack's update changes a role before its function: DaxEndpoint can be set without a failed read",
        _UPDATES,
        "WithDax",
    ),
)
