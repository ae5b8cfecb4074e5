"""The facts that must hold for the packaged template, each with a change that breaks it and must be noticed."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.tools.deploy.template_parts import (
    Template,
    as_list,
    gateway_answers,
    index,
    literal,
    mapping,
    of_type,
    policy,
    properties,
    replica,
    statements,
)


class Fact(NamedTuple):
    name: str
    holds: Callable[[Template], bool]
    breakage: Callable[[Template], Any]


def visibility_is_long_enough(template: Template) -> bool:
    window = literal(template, mapping(template, "ProcessOrders")["MaximumBatchingWindowInSeconds"])
    timeout = properties(template, "ProcessOrders")["Timeout"]
    visibility = literal(template, properties(template, "OrderQueue")["VisibilityTimeout"])
    return bool(visibility >= 6 * timeout + window)


def every_queue_has_dead_letters(template: Template) -> bool:
    queues = of_type(template, "AWS::SQS::Queue")
    return all(
        queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0] in queues
        for name, queue in queues.items()
        if "DeadLetter" not in name
    )


def every_queue_keeps_a_message_as_long_as_sqs_can(template: Template) -> bool:
    """A dead letter of a standard queue keeps the time at which it was first sent: none may end before its source."""
    queues = of_type(template, "AWS::SQS::Queue")
    return {queue["MessageRetentionPeriod"] for queue in queues.values()} == {14 * 24 * 3600}


def only_xray_and_the_network_have_no_name(template: Template) -> bool:
    """A function in a VPC needs its network interface actions on all resources: AWS Lambda guide, "VPC"."""
    return all(
        "*" not in as_list(statement["Resource"])
        or all(action.partition(":")[0] in {"xray", "ec2"} for action in as_list(statement["Action"]))
        for _, statement in statements(template)
    )


def everything_is_tls_only(template: Template) -> bool:
    kinds = {"AWS::SQS::QueuePolicy": "Queues", "AWS::SNS::TopicPolicy": "Topics"}
    covered = set()
    for kind, targets in kinds.items():
        for each in of_type(template, kind).values():
            denied = [
                one
                for one in each["PolicyDocument"]["Statement"]
                if one["Effect"] == "Deny" and one["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            ]
            covered |= {target["Ref"] for target in each[targets] if denied}
    queues_and_topics = of_type(template, "AWS::SQS::Queue") | of_type(template, "AWS::SNS::Topic")
    table = replica(template)["ResourcePolicy"]["PolicyDocument"]["Statement"][0]
    return bool(set(queues_and_topics) == covered and table["Effect"] == "Deny")


def every_dead_letter_queue_has_an_alarm(template: Template) -> bool:
    watched = {
        dimension["Value"]["Fn::GetAtt"][0]
        for alarm in of_type(template, "AWS::CloudWatch::Alarm").values()
        if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible" and alarm["Threshold"] == 0
        for dimension in alarm["Dimensions"]
    }
    return watched == {name for name in of_type(template, "AWS::SQS::Queue") if "DeadLetter" in name}


def alarms_are_on(*metrics: str) -> Callable[[Template], bool]:
    def holds(template: Template) -> bool:
        return set(metrics) <= {each["MetricName"] for each in of_type(template, "AWS::CloudWatch::Alarm").values()}

    return holds


def every_function_logs_to_a_group_that_ends(template: Template) -> bool:
    groups = of_type(template, "AWS::Logs::LogGroup")
    return all(
        "RetentionInDays" in groups[function["LoggingConfig"]["LogGroup"]["Ref"]]
        for function in of_type(template, "AWS::Lambda::Function").values()
    )


def every_function_reports_its_failures_alone(template: Template) -> bool:
    levels = {"LogFormat": "JSON", "SystemLogLevel": {"Ref": "SystemLogLevel"}, "ApplicationLogLevel": "INFO"}
    return template["Parameters"]["SystemLogLevel"]["Default"] == "WARN" and all(
        levels.items() <= each["LoggingConfig"].items() for each in of_type(template, "AWS::Lambda::Function").values()
    )


def every_function_has_its_own_role(template: Template) -> bool:
    roles = [json.dumps(each["Role"]) for each in of_type(template, "AWS::Lambda::Function").values()]
    return len(roles) == len(set(roles))


def every_gateway_answer_is_a_problem(template: Template) -> bool:
    return all(
        each["responseParameters"]["gatewayresponse.header.Content-Type"] == "'application/problem+json'"
        and json.loads(each["responseTemplates"]["application/json"])["status"] == int(each["statusCode"])
        for each in gateway_answers(template).values()
    )


def a_failing_authorizer_is_unavailable(template: Template) -> bool:
    answers = [gateway_answers(template)[f"AUTHORIZER_{name}"] for name in ("FAILURE", "CONFIGURATION_ERROR")]
    return all(
        each["statusCode"] == "503" and each["responseParameters"]["gatewayresponse.header.Retry-After"] == "'5'"
        for each in answers
    )


def every_order_route_has_an_authorizer(template: Template) -> bool:
    paths = properties(template, "RestAPI")["Body"]["paths"]
    return all(
        "security" in operation
        for path, operations in paths.items()
        if "orders" in path
        for method, operation in operations.items()
        if method != "options"
    )


def reports_failures(template: Template) -> bool:
    reporting = {
        properties(template, name)["Environment"]["Variables"]["REPORT_BATCH_ITEM_FAILURES"]
        for name in ("ProcessOrders", "PublishEvents")
    }
    read = [mapping(template, name).get("FunctionResponseTypes") for name in ("ProcessOrders", "PublishEvents")]
    return reporting == {"1"} and read == [["ReportBatchItemFailures"]] * 2


FACTS = [
    Fact("visibility", visibility_is_long_enough, lambda t: properties(t, "ProcessOrders").update(Timeout=21)),
    Fact(
        "visibility with a window",
        visibility_is_long_enough,
        lambda t: t["Parameters"]["OrderBatchingWindow"].update(Default=31),
    ),
    Fact(
        "receive count",
        lambda t: all(
            each["RedrivePolicy"]["maxReceiveCount"] >= 5
            for each in of_type(t, "AWS::SQS::Queue").values()
            if "RedrivePolicy" in each
        ),
        lambda t: properties(t, "OrderQueue")["RedrivePolicy"].update(maxReceiveCount=4),
    ),
    Fact(
        "dead-letter queues",
        lambda t: "RedrivePolicy" in properties(t, "OrderQueue") and every_queue_has_dead_letters(t),
        lambda t: properties(t, "OrderQueue").pop("RedrivePolicy"),
    ),
    Fact(
        "subscriptions have dead-letter queues",
        lambda t: all(
            "RedrivePolicy" in each
            for each in of_type(t, "AWS::SNS::Subscription").values()
            if each["Protocol"] == "sqs"
        ),
        lambda t: properties(t, "InvoicingSubscription").pop("RedrivePolicy"),
    ),
    Fact(
        "retention",
        every_queue_keeps_a_message_as_long_as_sqs_can,
        lambda t: properties(t, "OrderQueue").update(MessageRetentionPeriod=345600),
    ),
    Fact("long polling", lambda t: properties(t, "OrderQueue")["ReceiveMessageWaitTimeSeconds"] == 20,
         lambda t: properties(t, "OrderQueue").update(ReceiveMessageWaitTimeSeconds=0)),
    Fact("partial failures", reports_failures, lambda t: mapping(t, "ProcessOrders").pop("FunctionResponseTypes")),
    Fact(
        "partial failures are reported",
        reports_failures,
        lambda t: properties(t, "PublishEvents")["Environment"]["Variables"].update(REPORT_BATCH_ITEM_FAILURES=""),
    ),
    Fact("bisect", lambda t: mapping(t, "PublishEvents").get("BisectBatchOnFunctionError") is True,
         lambda t: mapping(t, "PublishEvents").pop("BisectBatchOnFunctionError")),
    Fact("maximum record age", lambda t: 0 < mapping(t, "PublishEvents").get("MaximumRecordAgeInSeconds", -1) < 86400,
         lambda t: mapping(t, "PublishEvents").update(MaximumRecordAgeInSeconds=-1)),
    Fact(
        "on-failure destination",
        lambda t: mapping(t, "PublishEvents").get("DestinationConfig")
        == {"OnFailure": {"Destination": {"Fn::GetAtt": ["EventDeadLetterQueue", "Arn"]}}},
        lambda t: mapping(t, "PublishEvents").pop("DestinationConfig"),
    ),
    Fact("maximum concurrency", lambda t: "ScalingConfig" in mapping(t, "ProcessOrders"),
         lambda t: mapping(t, "ProcessOrders").pop("ScalingConfig")),
    Fact("point-in-time recovery",
         lambda t: replica(t)["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True},
         lambda t: replica(t)["PointInTimeRecoverySpecification"].update(PointInTimeRecoveryEnabled=False)),
    Fact("deletion protection", lambda t: literal(t, replica(t)["DeletionProtectionEnabled"]) == "true",
         lambda t: t["Parameters"]["DeletionProtection"].update(Default="false")),
    Fact(
        "the table and the secret are retained",
        lambda t: all(
            t["Resources"][name][when] == "Retain"
            for name in ("OrderTable", "IdSecret")
            for when in ("DeletionPolicy", "UpdateReplacePolicy")
        ),
        lambda t: t["Resources"]["IdSecret"].update(DeletionPolicy="Delete"),
    ),
    Fact(
        "table encryption",
        lambda t: properties(t, "OrderTable")["SSESpecification"]["SSEEnabled"]
        == {"Fn::If": ["WithAwsOwnedKey", False, True]}
        and t["Parameters"]["Encryption"]["Default"] == "aws-managed",
        lambda t: properties(t, "OrderTable").update(SSESpecification={"SSEEnabled": False}),
    ),
    Fact(
        "queue encryption",
        lambda t: all(
            literal(t, each.get("SqsManagedSseEnabled")) is True and "KmsMasterKeyId" in each
            for each in of_type(t, "AWS::SQS::Queue").values()
        ),
        lambda t: properties(t, "EventDeadLetterQueue").update(SqsManagedSseEnabled=False),
    ),
    Fact("topic encryption", lambda t: "KmsMasterKeyId" in properties(t, "EventTopic"),
         lambda t: properties(t, "EventTopic").pop("KmsMasterKeyId")),
    Fact("stream view",
         lambda t: properties(t, "OrderTable")["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"},
         lambda t: properties(t, "OrderTable").update(StreamSpecification={"StreamViewType": "NEW_IMAGE"})),
    Fact(
        "no wildcard action",
        lambda t: not any("*" in action for _, each in statements(t) for action in as_list(each["Action"])),
        lambda t: policy(t, "ApiHandlerRole")[1].update(Action="sqs:*"),
    ),
    Fact("no wildcard resource", only_xray_and_the_network_have_no_name,
         lambda t: policy(t, "ApiHandlerRole")[1].update(Resource="*")),
    Fact("a role per function", every_function_has_its_own_role,
         lambda t: properties(t, "Authorizer").update(Role=properties(t, "APIHandler")["Role"])),
    Fact("TLS only", everything_is_tls_only,
         lambda t: properties(t, "QueuePolicy")["Queues"].remove({"Ref": "EventDeadLetterQueue"})),
    Fact("TLS only, subscribers", everything_is_tls_only,
         lambda t: properties(t, "SubscriberQueuePolicy")["PolicyDocument"]["Statement"].pop(0)),
    Fact("log retention", every_function_logs_to_a_group_that_ends,
         lambda t: properties(t, "ProcessorLogGroup").pop("RetentionInDays")),
    Fact("only failures are reported in the log", every_function_reports_its_failures_alone,
         lambda t: properties(t, "PublishEvents")["LoggingConfig"].pop("SystemLogLevel")),
    Fact("a shard's parallelization can be raised",
         lambda t: mapping(t, "PublishEvents").get("ParallelizationFactor") == {"Ref": "EventParallelization"},
         lambda t: mapping(t, "PublishEvents").pop("ParallelizationFactor")),
    Fact("warm throughput is the index's too",
         lambda t: index(t).get("WarmThroughput") == properties(t, "OrderTable")["WarmThroughput"],
         lambda t: index(t).pop("WarmThroughput")),
    Fact("an alarm for each dead-letter queue", every_dead_letter_queue_has_an_alarm,
         lambda t: t["Resources"].pop("InvoicingDeadLetterAlarm")),
    Fact(
        "alarms",
        alarms_are_on("ApproximateAgeOfOldestMessage", "IteratorAge", "Errors", "Throttles", "Latency", "5XXError",
                      "NumberOfNotificationsFailed", "Conflicts", "WriteThrottleEvents", "ReadThrottleEvents",
                      "ProcessFailed", "PublishFailed"),
        lambda t: t["Resources"].pop("IteratorAgeAlarm"),
    ),
    Fact(
        "every alarm notifies the alarm topic",
        lambda t: all(
            each["AlarmActions"] == [{"Ref": "AlarmTopic"}] for each in of_type(t, "AWS::CloudWatch::Alarm").values()
        ),
        lambda t: properties(t, "ConflictAlarm").update(AlarmActions=[]),
    ),
    Fact("gateway answers are problems", every_gateway_answer_is_a_problem,
         lambda t: gateway_answers(t)["THROTTLED"].update(statusCode="430")),
    Fact("a failing authorizer is a failing dependency", a_failing_authorizer_is_unavailable,
         lambda t: gateway_answers(t)["AUTHORIZER_FAILURE"].update(statusCode="500")),
    Fact("every route of orders has an authorizer", every_order_route_has_an_authorizer,
         lambda t: properties(t, "RestAPI")["Body"]["paths"]["/orders"]["post"].pop("security")),
    Fact("one stage", lambda t: len(of_type(t, "AWS::ApiGateway::Stage")) == 1
         and not any("StageName" in each for each in of_type(t, "AWS::ApiGateway::Deployment").values()),
         lambda t: next(iter(of_type(t, "AWS::ApiGateway::Deployment").values())).update(StageName="Stage")),
]  # fmt: skip
