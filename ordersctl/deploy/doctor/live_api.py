"""What a packaged stage's API does at this moment, compared with the stage's settings.

An API's definition goes live by a deployment, and a stage shows the one that it names: CloudFormation can be right, and
the stage be of last week.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from ordersctl.deploy.doctor.findings import Finding, none_of
from ordersctl.shared import templates
from ordersctl.shared.stage import Stage


def live_api(stage: Stage, given: Mapping[str, str], remedy: str) -> Iterator[Finding]:
    """Compare the deployment that the API's stage shows with the stack's, and with the settings in the definition."""
    client, api = stage.client("apigateway"), stage.output("RestAPIId")
    try:
        shown = client.get_stage(restApiId=api, stageName=stage.name)["deploymentId"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NotFoundException":
            raise
        yield Finding(fine=False, what=f"the API {api} has no stage {stage.name}", remedy=remedy)
        return
    yield Finding(shown in _deployments(stage), "the API's stage shows the stack's deployment", remedy)
    export = client.get_export(
        restApiId=api,
        stageName=stage.name,
        exportType="swagger",
        parameters={"extensions": "integrations,authorizers"},
        accepts="application/json",
    )
    live = json.loads(export["body"].read())
    wanted = {name: str(value) for name, value in templates.defaults().items()} | dict(given)
    yield none_of(stale_settings(live, wanted), "settings that are not live in the API", remedy)


def _deployments(stage: Stage) -> set[str]:
    pages = stage.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stage.stack_name)
    resources = [each for page in pages for each in page["StackResourceSummaries"]]
    return {each["PhysicalResourceId"] for each in resources if each["ResourceType"] == "AWS::ApiGateway::Deployment"}


def stale_settings(live: Mapping[str, Any], wanted: Mapping[str, str]) -> list[str]:
    """Return the settings that an exported definition does not have (API Gateway guide, "Export a REST API")."""
    post = live["paths"]["/orders"]["post"]
    integration = post.get("x-amazon-apigateway-integration", {})
    direct = str(integration.get("type", "")).lower() == "aws"
    keys = any("api_key" in each for each in post.get("security", []))
    pools = json.dumps(live.get("securityDefinitions", {}))
    pool = wanted["CognitoUserPoolArn"]
    found = {
        "DirectAccept": direct == (wanted["DirectAccept"] == "true"),
        "ApiKeys": keys == (wanted["ApiKeys"] == "true"),
        "CognitoUserPoolArn": pool in pools if pool else ":userpool/" not in pools,
        "CustomerClaim": not direct or f".{wanted['CustomerClaim']}}}" in json.dumps(integration),
    }
    return [name for name, is_live in found.items() if not is_live]
