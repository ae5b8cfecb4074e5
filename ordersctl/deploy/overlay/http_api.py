"""The packaged template with an HTTP API in place of the REST API: the same routes, at less than a third of the price.

API Gateway checks tokens itself there, so the authorizer function goes, and what belongs to it. What an HTTP API cannot
do is refused with a reason (API Gateway guide, "Choose between REST APIs and HTTP APIs").
"""

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.http import cors
from chalicelib.http.cors import Origins
from ordersctl.shared import templates
from ordersctl.shared.project import INFRA
from ordersctl.shared.templates import OF_REST, Template

HTTP_API = INFRA / "http_api.yaml"
_METRICS = {"4XXError": "4xx", "5XXError": "5xx"}  # API Gateway guide, "Monitor HTTP API metrics"


def is_http(given: Mapping[str, str]) -> bool:
    """Whether a stage with these settings has an HTTP API."""
    return given.get("Api") == "HTTP"


def refusals(values: Mapping[str, str]) -> list[str]:
    """Return why settings do not go together with an HTTP API; none for a REST API."""
    if not is_http(values):
        return []
    reasons = {
        "DirectAccept": "an HTTP API has no templates that could make a message of an order",
        "ApiKeys": "an HTTP API has no API keys",
        "CognitoUserPoolArn": "an HTTP API checks a pool's tokens by JwtIssuer and JwtAudience",
    }
    found = [f"{name}: {why}" for name, why in reasons.items() if values[name] not in {"", "false"}]
    if values["AudienceClaim"] not in {"", "client_id"}:
        found.append("AudienceClaim: an HTTP API reads aud, and client_id where there is no aud")
    return found


def with_http_api(template: Template, origins: str) -> Template:
    """Return a copy of the template with an HTTP API; `origins` is as overlay.cors.allowed_origins returns it."""
    template = copy.deepcopy(template)  # `publish` writes into what is returned
    routes = dict(_routes(template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"]))
    kept = {name: _watched(each) for name, each in template["Resources"].items() if name not in OF_REST}
    permission = kept["APIHandlerInvokePermission"]["Properties"]["SourceArn"]["Fn::Sub"]
    permission[1]["RestAPIId"] = {"Ref": "HttpApi"}
    outputs = {name: each for name, each in template["Outputs"].items() if name != "RestAPIId"}
    rules = {name: each for name, each in template["Rules"].items() if name != "DirectAcceptIsNotFifo"}
    own = templates.load(HTTP_API)
    if isinstance(allowed := cors.config(origins), Origins):
        own["Resources"]["HttpApi"]["Properties"]["CorsConfiguration"] = _cors(allowed)
    plain = {**template, "Resources": {**kept, **routes}, "Outputs": outputs, "Rules": rules}
    return _without_unused(templates.merged(plain, own))


def _routes(paths: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield logical id -> route, for each operation but the preflights, which an HTTP API answers itself."""
    for path, operations in paths.items():
        words = "".join(word.strip("{}").title() for word in path.replace("_", "/").replace(".", "/").split("/"))
        for method, operation in operations.items():
            if method not in {"get", "head", "post", "patch", "put", "delete"}:
                continue
            with_token = {"AuthorizationType": "JWT", "AuthorizerId": {"Ref": "JwtAuthorizer"}}
            properties = {
                "ApiId": {"Ref": "HttpApi"},
                "RouteKey": f"{method.upper()} {path}",
                "Target": {"Fn::Sub": "integrations/${HttpIntegration}"},
                **(with_token if operation.get("security") else {"AuthorizationType": "NONE"}),
            }
            name = f"{method.title()}{words.replace('{', '').replace('}', '')}Route"
            yield name, {"Type": "AWS::ApiGatewayV2::Route", "Properties": properties}


def _watched(resource: Any) -> Any:
    """Return an alarm or the dashboard with the metrics of an HTTP API; any other resource as it is."""
    properties = resource.get("Properties", {})
    if properties.get("Namespace") == "AWS/ApiGateway":
        metric = properties["MetricName"]
        dimensions = [{"Name": "ApiId", "Value": {"Ref": "HttpApi"}}, {"Name": "Stage", "Value": {"Ref": "Stage"}}]
        return {
            **resource,
            "Properties": {**properties, "MetricName": _METRICS.get(metric, metric), "Dimensions": dimensions},
        }
    if resource["Type"] == "AWS::CloudWatch::Dashboard":
        text = json.dumps(resource).replace(r"\"ApiName\", \"orders\"", r"\"ApiId\", \"${HttpApi}\"")
        for rest, http in _METRICS.items():
            text = text.replace(rest, http)
        return json.loads(text)
    return resource


def _cors(origins: Origins) -> dict[str, Any]:
    """Return the CORS settings of an HTTP API, which answers preflights and writes these headers itself."""
    headers = origins.get_access_control_headers()
    return {
        "AllowOrigins": list(origins.all),
        "AllowMethods": ["GET", "HEAD", "POST", "PATCH", "DELETE"],
        "AllowHeaders": headers["Access-Control-Allow-Headers"].split(","),
        "ExposeHeaders": headers["Access-Control-Expose-Headers"].split(","),
        "MaxAge": int(headers["Access-Control-Max-Age"]),
    }


def _without_unused(template: Template) -> Template:
    """Leave out parameters and conditions that nothing refers to any more."""
    text = json.dumps({name: each for name, each in template.items() if name != "Parameters"})
    conditions = {
        name: each
        for name, each in template["Conditions"].items()
        if f'"Fn::If": ["{name}"' in text or f'"Condition": "{name}"' in text
    }
    text = json.dumps([conditions, *(template[name] for name in ("Resources", "Rules", "Outputs"))])
    parameters = {
        name: each
        for name, each in template["Parameters"].items()
        if f'"Ref": "{name}"' in text or f"${{{name}}}" in text
    }
    return {**template, "Conditions": conditions, "Parameters": parameters}
