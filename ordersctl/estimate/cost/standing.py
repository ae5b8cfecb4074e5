"""What a stage costs each month without any order: the resources in the templates, counted, times prices."""

from collections.abc import Mapping
from typing import Any

from ordersctl.estimate.cost.order_sizes import INDEX_ENTRY, KB, Mix, mean_item_kb
from ordersctl.shared import templates
from ordersctl.shared.output import number_of

ITEM_OVERHEAD = 100  # bytes that DynamoDB bills for each stored item and index entry ("Item sizes and formats")
GIB = 1024**3  # DynamoDB's GB ("Constraints in Amazon DynamoDB")
# Lambda's pollers of an idle queue: five, each waiting 20 s at a time, for 30 days. Under load these requests are
# counted with the orders. https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
IDLE_RECEIVES = 5 * 3 * 60 * 24 * 30


def standing_per_month(price: Mapping[str, Any], *, own_key: bool, http: bool = False) -> dict[str, float]:
    """Return resource -> US dollars a month, with the templates' default parameters; `http` for a stage with Api HTTP.

    A stage with an HTTP API has no authorizer function, and so no metric and no alarm of the issuer's keys.
    """
    template = templates.resources()
    resources = [
        each
        for name, each in template["Resources"].items()
        if not (http and name in templates.OF_REST) and _is_made(each, template)
    ]
    cloudwatch = price["cloudwatch"]
    filters = [each["Properties"] for each in resources if each["Type"] == "AWS::Logs::MetricFilter"]
    # Two filters may count into one metric.
    metrics = len({every["MetricName"] for each in filters for every in each["MetricTransformations"]})
    alarms, dashboards, secrets = (
        sum(each["Type"] == kind for each in resources)
        for kind in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard", "AWS::SecretsManager::Secret")
    )
    return {
        f"{number_of(metrics, 'custom metric')} (while in use)": metrics * cloudwatch["per_metric_month"],
        number_of(alarms, "alarm"): alarms * cloudwatch["per_alarm_month"],
        number_of(dashboards, "dashboard"): dashboards * cloudwatch["per_dashboard_month"],
        number_of(secrets, "secret"): secrets * price["secrets_manager"]["per_secret_month"],
        "Polling an idle queue": IDLE_RECEIVES / 1e6 * price["sqs"]["per_million_requests"],
        **({"A key of one's own": price["kms"]["per_key_month"]} if own_key else {}),
    }


def _is_made(resource: Mapping[str, Any], template: templates.Template) -> bool:
    """Whether a resource is made with the default parameters; its condition compares one parameter with a value."""
    if (condition := resource.get("Condition")) is None:
        return True
    match template["Conditions"][condition]:
        case {"Fn::Equals": [{"Ref": name}, value]}:
            return bool(template["Parameters"][name].get("Default") == value)
        case {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, value]}]}:
            return bool(template["Parameters"][name].get("Default") != value)
        case other:
            raise ValueError(f"cannot evaluate the condition {other}")


def kept_per_month(orders: int, sizes: Mix, price: Mapping[str, Any]) -> float:
    """Return US dollars a month for orders in the table: item, index entry, and the item's backup."""
    dynamodb = price["dynamodb"]
    item, entry = mean_item_kb(sizes) * KB + ITEM_OVERHEAD, INDEX_ENTRY + ITEM_OVERHEAD
    stored = (item + entry) * dynamodb["per_gb_month"] + item * dynamodb["backup_per_gb_month"]
    return float(orders * stored / GIB)
