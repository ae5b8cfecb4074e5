"""Every call of a function to AWS that a test run makes: the permission that it needs, and the resource.

The fake AWS and the service's own clients report each call here, with the parameters that were sent.
"""

import os
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Any, NamedTuple

# The environment variable that carries a resource to the functions -> the resource's name in the template. The bus and
# the DAX cluster are made elsewhere, and named by a parameter.
RESOURCES = {
    "ORDER_TABLE": "OrderTable",
    "PRICE_TABLE": "PriceTable",
    "ORDER_QUEUE_URL": "OrderQueue",
    "ORDER_DEAD_LETTER_QUEUE_URL": "OrderDeadLetterQueue",
    "EVENT_TOPIC_ARN": "EventTopic",
    "EVENT_DEAD_LETTER_QUEUE_URL": "EventDeadLetterQueue",
    "ID_SECRET_ARN": "IdSecret",
    "EVENT_BUS_NAME": "EventBusName",
    "DAX_ENDPOINT": "DaxEndpoint",
}
_BUS = "EVENT_BUS_NAME"  # may be named as a table is, and so is looked up by its service
# Variables that change which calls are made, where they are set.
OPTIONAL = (_BUS, "DAX_ENDPOINT", "PRICE_TABLE")
# A batch operation has no permission of its own: Service Authorization Reference, "Actions defined by Amazon SQS" and
# "by Amazon SNS" (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html).
_OF_A_BATCH = {
    "SendMessageBatch": "SendMessage",
    "DeleteMessageBatch": "DeleteMessage",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
    "PublishBatch": "Publish",
}
_FUNCTIONS = {"process_orders": "ProcessOrders", "publish_events": "PublishEvents", "authorizer": "Authorizer"}
API = "APIHandler"


class Call(NamedTuple):
    function: str  # its name in the template
    action: str  # "dynamodb:GetItem"
    resource: str  # "OrderTable", "OrderTable/index/by-customer"
    settings: frozenset[str] = frozenset()  # those of OPTIONAL that the function had


made: set[Call] = set()  # by this process
running: ContextVar[str] = ContextVar("running")  # the function whose entry point was called


def function_of(handler: str) -> str:
    """Return the template's name of a function of app.py; every other handler, such as an HTTP method, is the API's."""
    return _FUNCTIONS.get(handler, API)


def action_of(service: str, operation: str) -> str:
    """Return the permission that an operation needs: `sqs:DeleteMessage` of DeleteMessageBatch."""
    return f"{service}:{_OF_A_BATCH.get(operation, operation)}"


def report(
    function: str, service: str, operation: str, parameters: Mapping[str, Any], environment: Mapping[str, str]
) -> None:
    """Keep a call: `operation` as AWS names it, `environment` is the function's.

    Raises KeyError for a resource that the environment does not name.
    """
    settings = frozenset(name for name in OPTIONAL if environment.get(name))
    variables = [name for name in RESOURCES if environment.get(name) and (name == _BUS) == (service == "events")]
    named = {environment[variable]: RESOURCES[variable] for variable in variables}
    for resource in resources_of(service, parameters, environment):
        whole, index, rest = resource.partition("/index/")
        made.add(Call(function, action_of(service, operation), named[whole] + index + rest, settings))


def report_of_fake(handler: str, service: str, operation: str, parameters: Mapping[str, Any]) -> None:
    """Keep a call of the fake AWS: `operation` as botocore names it, the environment is this process's."""
    report(function_of(handler), service, operation.title().replace("_", ""), parameters, os.environ)


def resources_of(service: str, parameters: Mapping[str, Any], environment: Mapping[str, str]) -> Iterator[str]:
    """Yield what a call's parameters name: a table with its index, a queue's URL, the ARN of a topic or secret."""
    match service:
        case "dax":
            yield environment["DAX_ENDPOINT"]
        case "dynamodb" if "RequestItems" in parameters:
            yield from parameters["RequestItems"]
        case "dynamodb":
            yield parameters["TableName"] + (f"/index/{parameters['IndexName']}" if "IndexName" in parameters else "")
        case "sqs":
            yield parameters["QueueUrl"]
        case "sns":
            yield parameters["TopicArn"]
        case "events":
            yield from {entry["EventBusName"] for entry in parameters["Entries"]}
        case "secretsmanager":
            yield parameters["SecretId"]
        case _:
            raise KeyError(service)
